// The plugin's table. Compiled by nvcc for a device and by g++ for its emulation.
#include "cuda/library/runtime.h"
#include "cuda/plugin.h"

const sb::cuda::Plugin* sb_cuda_plugin() {
  using namespace sb::cuda;
  static const Plugin table = {
      kPluginVersion,
      sizeof(Plugin),
      runtime::kName,
      runtime::probe,
      runtime::open,
      runtime::error_text,
      runtime::take,
      runtime::give_back,
      runtime::pin,
      runtime::unpin,
      runtime::link,
      runtime::begin_stream,
      runtime::end_stream,
      runtime::use,
      runtime::upload,
      runtime::copy_in,
      runtime::copy_out,
      runtime::wait,
      form_for,
      attend_floats,
      prepare,
      normalise,
      matmul,
      store_heads,
      attend,
      gate,
      end_block,
  };
  return &table;
}
