// Whether a device computes what the processor does, at the shapes of real models.
#pragma once

namespace sb::bench {

struct CheckOptions {
  bool tiny = false;       // small models, for the emulated device
  bool processor = false;  // in the device's place: what the processor's side costs
  // One side reads other last tokens of each prompt, so every check is to tell of a difference.
  bool differ = false;
  double seconds = 90;  // a check that would end later, for the processor's sake, is left out
};

// Prints a line for each check; the exit status: 1 where something differs.
[[nodiscard]] int check_device(const CheckOptions& options);

}  // namespace sb::bench
