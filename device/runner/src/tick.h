// The kernel's timer tick, kept out of the way of what is measured.
#pragma once

namespace taskzip {

// Sleeps until shortly after a tick of the kernel. What is timed next then meets as many ticks
// each time: none where it is shorter than a tick. A device that counts instructions repeats
// itself to the nanosecond that way; elsewhere a sleep would cool caches and clocks, so the spec
// has to ask for it (`start_on_tick`).
void await_tick();

}  // namespace taskzip
