"""Pictures in a window, in a notebook, or nowhere if there is no screen."""
from __future__ import annotations

import logging
import math
from importlib import import_module
from typing import Any

import numpy as np

from mmengine.logging import print_log
from mmengine.visualization.values import Image


def is_inline() -> bool:
    """Tell whether matplotlib shows figures inside a notebook."""
    import matplotlib
    return 'inline' in matplotlib.get_backend()


def wait_continue(figure: Any, timeout: float = 0, continue_key: str = ' ') -> int:
    """Show a figure until a key is pressed, its window is closed or the time is over.

    Args:
        figure: The figure of matplotlib.
        timeout: Seconds to wait; 0 for ever.
        continue_key: The key to go on with.

    Returns:
        1 if the window was closed, 0 otherwise, also where there is no window.
    """
    if is_inline():
        return 0
    if getattr(figure.canvas, 'required_interactive_framework', None) is None:
        # There is no window whose closing, and no key whose pressing, could end the waiting.
        print_log('There is no display to show a picture on; get it with `get_image` or record it with `add_image`',
                  logger='current', level=logging.WARNING)
        return 0
    if figure.canvas.manager is not None:
        figure.show()
    return _wait(figure.canvas, timeout, continue_key)


def _wait(canvas: Any, timeout: float, continue_key: str) -> int:
    events: list[Any] = []

    def take(event: Any) -> None:
        events.append(event)
        canvas.stop_event_loop()

    connections = [canvas.mpl_connect(name, take) for name in ('key_press_event', 'close_event')]
    try:
        while True:
            events.clear()
            canvas.start_event_loop(timeout)
            if not events:
                return 0
            if events[0].name == 'close_event':
                return 1
            if events[0].key == continue_key:
                return 0
    finally:
        for connection in connections:
            canvas.mpl_disconnect(connection)


def put_on(figure: Any, image: Image) -> None:
    """Fill a figure with a picture, without margins."""
    figure.clear()
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
    axes = figure.add_subplot()
    axes.axis(False)
    axes.imshow(image)
    figure.canvas.draw()


def show_with_cv2(window: str, title: str, image: Image, wait_time: float) -> None:
    """Show a picture in a window of OpenCV, whose name stays while its title changes."""
    try:
        cv2 = import_module('cv2')
    except ImportError as error:
        raise ImportError("show(backend='cv2') needs OpenCV: pip install 'mmparts-visualization[opencv]', or use "
                          "backend='matplotlib'") from error
    cv2.namedWindow(winname=window)
    cv2.setWindowTitle(window, title)
    colored = image.ndim == 3 and image.shape[2] == 3
    cv2.imshow(window, np.ascontiguousarray(image[:, :, ::-1]) if colored else image)  # OpenCV has blue first
    cv2.waitKey(math.ceil(wait_time * 1000))
