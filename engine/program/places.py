"""Places: the numbers that live outside of a recorded function, in leaves and in States.

A program reads them when it starts and writes them when it ends. The parameters of a network on
arrays lie in one (`engine.tensor.buffer`): its parts are places, and the whole is its parts end to
end.
"""

from __future__ import annotations

from ..state import State
from .ops import Op

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..tensor.buffer import Buffer
    from .recording import Recording


class Place:
    """Numbers outside of the function: ``owner._data`` or ``owner._grad``.

    Attributes:
        start: the Op that is read there, if it is read before it is written.
        now: the Op or number that is there at this point of the recording.
    """

    __slots__ = ("owner", "attribute", "start", "now", "written")

    def __init__(self, owner: Any, attribute: str) -> None:
        self.owner, self.attribute = owner, attribute
        self.start: Op | None = None
        self.now: Any = None
        self.written = False

    @property
    def owners(self) -> tuple[Any, ...]:
        """The one owner."""
        return (self.owner,)


class Places(dict[tuple[int, str], Place]):
    """The places of a recording, by the owner's id and the attribute."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.before: list[tuple[Any, str, Any]] = []
        self.joins: list[Op] = []  # what puts the parts of an array together

    def place(self, owner: Any, attribute: str) -> Place:
        """The place of those numbers."""
        where = (id(owner), attribute)
        if where not in self:
            self[where] = Place(owner, attribute)
            self.recording.alive.append(owner)
            if not self.recording.arrays:  # where assigning is noted, and does not happen
                self.before.append((owner, attribute, getattr(owner, attribute, 0.0)))
        return self[where]

    def read(self, owner: Any, attribute: str) -> Any:
        """The Op or number that is there now."""
        place = self.place(owner, attribute)
        if place.now is None:
            if (buffer := whole_of(owner)) is not None:
                return self.joined(buffer, attribute)
            place.start = place.now = self.start(owner, attribute)
        return place.now

    def start(self, owner: Any, attribute: str) -> Op:
        """The Op of what is there when the program starts."""
        recording, op = self.recording, Op(None)
        if recording.arrays:
            from numpy import asarray, dtype, zeros_like

            data = getattr(owner, attribute)
            array = zeros_like(owner._data) if data is None else asarray(data)
            is_data = attribute == "_data" and isinstance(owner, recording.kind)
            kept = is_data or array.dtype.kind == "f"
            op.shape, op.dtype = array.shape, array.dtype if kept else dtype("float64")
            op.weak = isinstance(owner, State) and not array.shape
        word = owner.label or ("" if recording.arrays else "p")
        op.label = word + ("" if attribute == "_data" else "_grad")
        op.scope = getattr(owner, "scope", "")
        if attribute == "_data" and isinstance(owner, recording.kind):
            op.leaf = owner
        else:
            op.params = (id(owner), attribute)
        return recording.course.meet(op)  # type: ignore[no-any-return]

    def write(self, owner: Any, attribute: str, now: Any) -> None:
        """Put an Op or a number there."""
        recording = self.recording
        place = self.place(owner, attribute)
        place.now, place.written = now, True
        recording.course.meet((id(owner), attribute, now if type(now) is Op else repr(now)))
        if attribute == "_data":
            recording.given.pop(id(owner), None)
        buffer = getattr(owner, "_buffer", None)
        if buffer is not None and owner is buffer.whole:
            start = 0
            for view in buffer.views:
                part = now
                if type(now) is Op and now.shape:
                    part = recording.row("index", [now], slice(start, start + view.size))
                    part = recording.row("reshape", [part], view.shape)
                mine = self.place(view, attribute)
                mine.now, mine.written = part, True
                recording.given.pop(id(view), None)
                start += view.size
        elif buffer is not None and (id(buffer.whole), attribute) in self:
            self[id(buffer.whole), attribute].now = None  # it is what its parts are by now

    def joined(self, buffer: Buffer, attribute: str) -> Op:
        """An array of which Tensors are views, as its parts end to end."""
        recording = self.recording
        first, parts = len(recording.events), []
        for view in buffer.views:
            part = recording.of(view) if attribute == "_data" else self.read(view, attribute)
            if type(part) is not Op:
                part = recording.row("broadcast_to", [part], view.shape)
                part.dtype = view.dtype
            parts.append(recording.row("reshape", [part], (view.size,)))
        whole = recording.row("concatenate", parts, 0)
        self.joins += recording.events[first:]
        return whole

    def settle(self) -> None:
        """See to it that what is written as a whole is not written in parts, too."""
        written = [p for p in self.values() if p.written and getattr(p.owner, "_buffer", None)]
        for place in written:
            buffer = place.owner._buffer
            whole = self.place(buffer.whole, place.attribute)
            if whole.written or place.attribute == "_grad":
                if whole.now is None:
                    whole.now = self.joined(buffer, place.attribute)
                whole.written = True
                place.written = place is whole

    def restore(self) -> None:
        """Give all leaves and states the numbers back that they had."""
        for owner, attribute, x in reversed(self.before):
            setattr(owner, attribute, x)


def whole_of(owner: Any) -> Buffer | None:
    """The buffer of which a leaf is the whole; else None."""
    buffer = getattr(owner, "_buffer", None)
    return buffer if buffer is not None and owner is buffer.whole else None
