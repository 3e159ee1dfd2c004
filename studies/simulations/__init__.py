"""The simulations that the theory's facts name; each yields statements under those facts."""

from ..plan import Simulation
from .cures import CURED, FAR, cure_over_time, cured_limits, lasting_cure
from .finite import WAYS, over_time
from .fitting import train_and_test
from .late import orthogonal_data, same_data, shift_against_weight, without_memory
from .margins import LADDER, noisy_cells, scaled_cells, thresholds, two_sides
from .paper import figure_1
from .random_features import cosines
from .read_out import READ, decode

__all__ = ["SIMULATIONS"]

SIMULATIONS: dict[str, Simulation] = {
    "cosines": Simulation(cosines, batches=1),
    "same-data": Simulation(same_data, batches=0),
    "without-memory": Simulation(without_memory, batches=0),
    "ladder": Simulation(two_sides, batches=2 * 2 * len(LADDER) + 1),
    "orthogonal": Simulation(orthogonal_data, batches=0),
    "shift": Simulation(shift_against_weight, batches=0),
    "scaling": Simulation(scaled_cells, batches=2),
    "noise": Simulation(noisy_cells, batches=2),
    "over-time": Simulation(over_time, batches=2 * len(WAYS)),
    "threshold": Simulation(thresholds, batches=2),
    "train-and-test": Simulation(train_and_test, batches=0),
    "decoding": Simulation(decode, batches=2 * len(READ)),
    "figure-1": Simulation(figure_1, batches=3),
    "cures": Simulation(cured_limits, batches=2 * len(CURED)),
    "curing-flow": Simulation(cure_over_time, batches=len(FAR)),
    "lasting-cure": Simulation(lasting_cure, batches=0),
}
"""By the names the facts give them."""
