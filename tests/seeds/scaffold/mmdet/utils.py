"""What `tools/train.py` of MMDetection asks for."""


def setup_cache_size_limit_of_dynamo() -> None:
    """Nothing is compiled here."""
