"""Each choice of data is loaded, prepared and sent to the device once."""

from __future__ import annotations

from harness.configuration.settings import Config
from harness.contracts import Data, Dataset
from harness.data.checks import checked_features, checked_labels
from harness.data.on_device import DeviceData
from harness.data.preparing import Prepared, prepare
from harness.errors import BrokenPromise
from harness.registry.faults import PluginFault, plugin_fault
from harness.registry.registry import Registry

__all__ = ["DataCache"]


class DataCache:
    """Loads, prepares and sends to the device each choice of data once.

    Args:
        registry: Registry of the datasets.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._prepared: dict[str, Prepared | PluginFault] = {}
        self._on_device: dict[str, DeviceData] = {}

    def of(self, config: Config) -> Prepared | PluginFault:
        """The data of a configuration, or the fault of the plugin whose dataset did not load."""
        activation = config.loss.output_activation
        key = repr((type(config.dataset), config.dataset, activation, config.split))
        if key not in self._prepared:
            try:
                loaded = self._load(config.dataset)
                self._prepared[key] = prepare(loaded, config.dataset.task, activation, config.split)
            except (Exception, SystemExit) as error:
                fault = plugin_fault(error, self._registry)
                if fault is None:
                    raise
                self._prepared[key] = fault
        return self._prepared[key]

    def _load(self, dataset: Dataset) -> Data:
        loaded = dataset.load()
        if not isinstance(loaded, Data):
            raise BrokenPromise(dataset, f"load must return harness.Data. Got {loaded!r:.80}")
        owner = self._registry.owner(type(dataset))
        if owner is not None and not owner.plugin.own:
            # If data of harness' own datasets are wrong, the user's file is at fault
            try:
                checked_features(loaded)
                checked_labels(loaded, dataset.task)
            except Exception as error:
                raise BrokenPromise(dataset, str(error).rstrip(".")) from error
        return loaded

    def on_device(self, config: Config) -> DeviceData:
        """The data of a configuration on the device of its backend."""
        data = self.of(config)
        assert isinstance(data, Prepared)
        key = repr((config.backend, id(data)))
        if key not in self._on_device:
            self._on_device[key] = on_device = DeviceData(config.backend, data)
            for name in ("train", "validation", "test"):
                on_device.part(name)  # now: forked workers share what is there before them
        return self._on_device[key]
