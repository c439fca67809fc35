import numpy as np
from numpy.typing import NDArray

def gather_changes(
    own: NDArray[np.float32], base: NDArray[np.float32], rows: NDArray[np.int64], out: NDArray[np.uint16]
) -> None: ...
def put_changes(
    own: NDArray[np.float32],
    base: NDArray[np.float32],
    rows: NDArray[np.int64],
    changes: NDArray[np.uint16],
    sent: NDArray[np.uint16],
) -> None: ...
def merge_changes(
    parts: list[NDArray[np.uint16]],
    factors: NDArray[np.float32],
    last: NDArray[np.float32],
    places: NDArray[np.int64],
    out: NDArray[np.uint16],
) -> None: ...
