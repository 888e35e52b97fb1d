"""The base class of models, and what prepares their data."""
from mmengine.model.base_model.base_model import BaseModel as BaseModel
from mmengine.model.base_model.data_preprocessor import BaseDataPreprocessor as BaseDataPreprocessor
from mmengine.model.base_model.data_preprocessor import ImgDataPreprocessor as ImgDataPreprocessor
