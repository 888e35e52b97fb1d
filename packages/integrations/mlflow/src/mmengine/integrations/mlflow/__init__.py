"""MLflow as a backend of the visualizer."""
from mmengine.integrations.mlflow.backend import MLflowVisBackend as MLflowVisBackend
