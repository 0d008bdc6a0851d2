"""Ticks by the clock; the state of a stream is tested by streams, in tests/end_to_end."""

from transforms.stream.state import ticks_at_pulse


def test_ticks_by_the_clock_skip_what_was_slept_through(monkeypatch):
    monkeypatch.setattr("transforms.stream.state.time.time", lambda: 1000.0)
    pulses = [second + 0.5 for second in range(960, 1000)]
    ticks = [tick for pulse in pulses for tick in ticks_at_pulse(pulse, 10, 60)]
    assert [(tick.second, tick.snapshot) for tick in ticks] == [(960, True), (990, False)]
