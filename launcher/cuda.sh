# shellcheck shell=bash
# Where the engine's library for CUDA is built, and what to say where it is not: for ./switchboard images and images/stage. home is the
# checkout, and fail ends the script with a message.

cuda_library=$home/native-engine/build/release/libswitchboard_cuda.so
require_cuda_library() {
  [[ -s $cuda_library ]] ||
    fail "worker-cuda cannot be built here: there is no ${cuda_library#"$home"/}; build it where nvcc is: cmake --preset release && cmake --build --preset release --target switchboard_cuda, in native-engine"
}
