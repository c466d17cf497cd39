package dev.switchboard.worker;

/** What a model's layers run on. */
enum Device {
  CPU,
  /** NVIDIA devices, a lane on each in turn; without one the worker does not start. */
  CUDA,
  /** An NVIDIA device where there is one, else the CPU; the log says why not. */
  AUTO
}
