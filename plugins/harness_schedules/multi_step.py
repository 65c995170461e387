"""Decay at chosen epochs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from harness import ConfigurationError, Horizon, check_range


@dataclass(frozen=True)
class MultiStep:
    """The learning rate drops by a factor at each of some epochs: γ^(milestones passed).

    Attributes:
        milestones: Epochs at which the rate drops, rising whole numbers of 1 or more, counted from
            the end of the warm-up: at 30, the 31st epoch is the first with the lower rate.
        gamma: Factor γ of a drop, in (0, 1].

    >>> MultiStep([1, 3], 0.5).factor(np.arange(5.0), Horizon(steps_per_epoch=1, epochs=5))
    array([1.  , 0.5 , 0.5 , 0.25, 0.25])

    Source: He, Zhang, Ren & Sun, Deep residual learning for image recognition, 2016, section 4.2,
    divide by 10 after ½ and ¾ of their steps. The same factors as
    `torch.optim.lr_scheduler.MultiStepLR`, stepped once an epoch.
    """

    milestones: list[int] = field(default_factory=lambda: [50, 75])
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_range(self, "gamma", 0, 1, closed="right")
        passed = [0, *self.milestones]
        if any(late <= early for early, late in zip(passed, self.milestones, strict=False)):
            raise ConfigurationError(
                f"'milestones' of MultiStep must be rising epochs of 1 or more, as in [50, 75]. "
                f"Got {list(self.milestones)}."
            )

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """Constant between two milestones; see `harness.Schedule.factor`."""
        milestones = np.array(self.milestones, np.float64) * horizon.steps_per_epoch
        return self.gamma ** np.searchsorted(milestones, step, side="right").astype(np.float64)
