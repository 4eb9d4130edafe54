"""Where data come from and where work goes: TRUNKSIDE_DATA and TRUNKSIDE_TRAIN_DIR."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def data_dir():
    """The data folder (docs/data.md says what lies there)."""
    path = Path(os.environ.get("TRUNKSIDE_DATA", ROOT.parent / "shared/data"))
    if not (path / "speech").is_dir():
        raise SystemExit(f"no data at `{path}`; set TRUNKSIDE_DATA to the folder that holds `speech` (docs/data.md)")
    return path


def work_dir():
    """Where corpora, checkpoints and logs go; ignored by git."""
    return Path(os.environ.get("TRUNKSIDE_TRAIN_DIR", ROOT / "models/training/work"))


def model_dir():
    """The folder that ships."""
    return ROOT / "models/zh-en-1"
