"""Boxes and masks drawn into the pixels, for trackers that have no layers."""
from __future__ import annotations

import colorsys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmengine.visualization.values import Boxes, Image, Picture, to_array, to_image, to_rgb

if TYPE_CHECKING:
    from PIL import ImageDraw

#: How much of the mask's colour a masked pixel takes.
MASK_OPACITY = 0.5


def class_color(label: int) -> tuple[int, int, int]:
    """Give each class id a colour of its own, neighbours far apart on the colour wheel."""
    red, green, blue = colorsys.hsv_to_rgb((label * 0.618034) % 1.0, 0.85, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


def annotate(picture: Picture) -> Image:
    """Draw the boxes and masks of a picture into its image; without any the image is returned as it is."""
    if not picture.boxes and not picture.masks:
        return to_image(picture.image)
    from PIL import Image as PILImage  # here and not above: most runs draw nothing
    from PIL import ImageDraw
    image = to_rgb(picture.image)
    for mask in picture.masks.values():
        image = _draw_mask(image, to_array(mask))
    canvas = PILImage.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    for index, boxes in enumerate(picture.boxes.values()):
        _draw_boxes(draw, boxes, picture.class_names, width=1 + index % 3)
    return np.asarray(canvas)


def _draw_mask(image: Image, mask: NDArray[Any]) -> Image:
    if mask.shape != image.shape[:2]:
        raise ValueError(f'A mask should have the height and width of its image, {image.shape[:2]}, '
                         f'but got {mask.shape}')
    blended = image.astype(np.float32)
    for label in np.unique(mask[mask != 0]):
        where = mask == label
        blended[where] = (1 - MASK_OPACITY) * blended[where] + MASK_OPACITY * np.array(class_color(int(label)))
    return np.rint(blended).astype(np.uint8)


def _draw_boxes(draw: ImageDraw.ImageDraw, boxes: Boxes, class_names: Mapping[int, str], width: int) -> None:
    corners = to_array(boxes.xyxy).reshape(-1, 4).astype(float)
    for index, (left, top, right, bottom) in enumerate(corners.tolist()):
        label = int(boxes.labels[index]) if index < len(boxes.labels) else 0
        color = class_color(label)
        draw.rectangle((min(left, right), min(top, bottom), max(left, right), max(top, bottom)), outline=color,
                       width=width)
        caption = box_caption(boxes, index, class_names)
        if caption:
            place = (left + width + 1, max(top - 11, 0))
            draw.rectangle(draw.textbbox(place, caption), fill=color)
            draw.text(place, caption, fill=(255, 255, 255) if sum(color) < 450 else (0, 0, 0))


def box_caption(boxes: Boxes, index: int, class_names: Mapping[int, str]) -> str:
    """Word the caption of a box: its own, or else class and score."""
    if boxes.captions is not None:
        return boxes.captions[index]
    words = []
    if index < len(boxes.labels):
        label = int(boxes.labels[index])
        words.append(class_names.get(label, str(label)))
    if boxes.scores is not None:
        words.append(f'{float(boxes.scores[index]):.2f}')
    return ' '.join(words)
