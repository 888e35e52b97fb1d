"""A stand-in for MMDetection, which needs torchvision: the names that its Faster R-CNN config and the snippets use."""
__version__ = '3.3.0'
