"""The names of `torchvision.ops`."""
from __future__ import annotations

from .._absent import absent_function
from . import boxes as boxes
from . import misc as misc
from .boxes import batched_nms as batched_nms
from .boxes import box_area as box_area
from .boxes import box_iou as box_iou
from .boxes import generalized_box_iou as generalized_box_iou
from .boxes import nms as nms

deform_conv2d = absent_function('ops.deform_conv2d')
roi_align = absent_function('ops.roi_align')
