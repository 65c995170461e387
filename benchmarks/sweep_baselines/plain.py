"""The baseline: a Hydra application around a plain PyTorch training function, each run in MLflow.

    python plain.py -m data=digits.npz tracking_uri=sqlite:///mlflow.db 'seed=range(10)'

The function is in a module of its own, so that joblib's processes can import it.
"""

from __future__ import annotations

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from plain_training import run


@hydra.main(version_base="1.3", config_path=".", config_name="plain")
def main(cfg: DictConfig) -> float:
    job = HydraConfig.get()
    return run(cfg, " ".join(job.overrides.task), Path(job.runtime.output_dir))


if __name__ == "__main__":
    main()
