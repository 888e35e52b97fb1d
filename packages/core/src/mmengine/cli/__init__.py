"""The program `mmengine`, which has the commands of the parts that are installed."""
from mmengine.cli.program import main as main
