"""Containers for what belongs to one sample: annotations, predictions, and facts about them."""
from mmengine.structures.base_data_element import BaseDataElement as BaseDataElement
from mmengine.structures.instance_data import InstanceData as InstanceData
from mmengine.structures.label_data import LabelData as LabelData
from mmengine.structures.pixel_data import PixelData as PixelData
