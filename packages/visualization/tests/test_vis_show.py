import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.backend_bases import CloseEvent, FigureManagerBase, KeyEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mmengine.visualization import Visualizer, visualizer
from mmengine.visualization.utils import wait_continue

IMAGE = np.full((20, 30, 3), 50, np.uint8)


@pytest.fixture(autouse=True)
def _headless():
    matplotlib.use('agg')
    yield
    pyplot.close('all')


def test_without_a_display_it_says_so_and_goes_on(capsys):
    shown = Visualizer(image=IMAGE)
    shown.show(win_name='first')
    manager = shown.manager
    shown.show(IMAGE, win_name='second')
    assert shown.manager is manager  # one window per visualizer
    assert 'no display' in capsys.readouterr().out


def test_it_waits_for_the_key_in_its_window(monkeypatch):
    waited = []
    monkeypatch.setattr(visualizer, 'wait_continue', lambda figure, **kwargs: waited.append((figure, kwargs)))
    shown = Visualizer(image=IMAGE)
    shown.show(wait_time=2., continue_key='q')
    (figure, kwargs), = waited
    assert figure is shown.manager.canvas.figure
    assert kwargs == dict(timeout=2., continue_key='q')
    assert (np.asarray(figure.axes[0].images[0].get_array()) == IMAGE).all()


def test_two_visualizers_have_a_window_each(monkeypatch):
    monkeypatch.setattr(visualizer, 'wait_continue', lambda figure, **kwargs: 0)
    one, two = Visualizer('one', image=IMAGE), Visualizer('two', image=IMAGE)
    one.show()
    two.show()
    assert one.manager is not two.manager
    pyplot.close(one.manager.num)
    closed = one.manager
    one.show()
    assert one.manager is not closed


class WindowCanvas(FigureCanvasAgg):
    """A canvas with an event loop that plays events instead of waiting for them."""

    required_interactive_framework = 'test'
    script = ()

    def start_event_loop(self, timeout=0):
        if self.script:
            event, *self.script = self.script
            self.callbacks.process(event.name, event)

    def stop_event_loop(self):
        pass


def wait(*events):
    figure = pyplot.Figure()
    canvas = WindowCanvas(figure)
    canvas.manager = FigureManagerBase(canvas, 1)
    canvas.manager.show = lambda: None
    canvas.script = [KeyEvent('key_press_event', canvas, event) if event != 'close' else
                     CloseEvent('close_event', canvas) for event in events]
    return wait_continue(figure, timeout=1, continue_key='q'), list(canvas.script)


def test_waiting_ends_with_the_key_the_window_or_the_time():
    assert wait('x', 'q')[0] == 0
    assert wait('x', 'close')[0] == 1
    assert wait()[0] == 0
    result, left = wait('x', 'q', 'close')
    assert result == 0
    assert len(left) == 1  # the event after the key was not waited for


def test_other_backends_of_show():
    with pytest.raises(ValueError, match='backend should be "matplotlib" or "cv2", but got \'tk\' instead'):
        Visualizer(image=IMAGE).show(backend='tk')


def test_opencv_is_asked_with_one_window_per_visualizer(monkeypatch):
    class Cv2:
        calls = []

        def __getattr__(self, name):
            return lambda *args, **kwargs: self.calls.append((name, args, kwargs))

    cv2 = Cv2()
    monkeypatch.setitem(__import__('sys').modules, 'cv2', cv2)
    shown = Visualizer(image=IMAGE)
    red = IMAGE.copy()
    red[..., 0] = 255
    shown.show(red, win_name='title', wait_time=0.5, backend='cv2')
    window = str(id(shown))
    names = [name for name, _, _ in cv2.calls]
    assert names == ['namedWindow', 'setWindowTitle', 'imshow', 'waitKey']
    assert cv2.calls[1][1] == (window, 'title')
    assert cv2.calls[2][1][0] == window
    assert cv2.calls[2][1][1][0, 0].tolist() == [50, 50, 255]  # OpenCV has blue first
    assert cv2.calls[3][1] == (500,)


def test_without_opencv_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'cv2', None)
    with pytest.raises(ImportError, match=r'mmparts-visualization\[opencv\]'):
        Visualizer(image=IMAGE).show(backend='cv2')
