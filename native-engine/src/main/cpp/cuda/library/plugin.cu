// The plugin's table. Compiled by nvcc for a device and by g++ for its emulation.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "cuda/library/runtime.h"
#include "cuda/plugin.h"

namespace {

// False, and why, where the environment asks for neither of the two.
bool check_overlap(char* text, std::size_t text_bytes) {
  const char* wanted = std::getenv(sb::cuda::kOverlapVariable);
  const std::string_view name = wanted == nullptr ? "" : wanted;
  if (name.empty() || name == "on" || name == "off") return true;
  std::snprintf(text, text_bytes, "%s is %s, not on or off", sb::cuda::kOverlapVariable, wanted);
  return false;
}

sb::cuda::Outcome open(std::int32_t device, sb::cuda::DeviceInfo* info, char* text,
                       std::size_t text_bytes) {
  using sb::cuda::Outcome;
  const Outcome outcome = sb::cuda::runtime::open(device, info, text, text_bytes);
  if (outcome != Outcome::kReady) return outcome;
  const bool known =
      sb::cuda::check_brain_kernel(text, text_bytes) && check_overlap(text, text_bytes);
  return known ? outcome : Outcome::kUnknown;
}

}  // namespace

const sb::cuda::Plugin* sb_cuda_plugin() {
  using namespace sb::cuda;
  static const Plugin table = {
      kPluginVersion,
      sizeof(Plugin),
      runtime::kName,
      runtime::probe,
      open,
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
      runtime::copy_across,
      runtime::wait,
      runtime::begin_mark,
      runtime::end_mark,
      runtime::put_mark,
      runtime::follow,
      runtime::put_end,
      runtime::await,
      runtime::passed,
      runtime::record,
      runtime::seal,
      runtime::replay,
      runtime::forget,
      form_for,
      attend_floats,
      prepare,
      embed,
      add_rows_of,
      add_to_rows,
      normalise,
      matmul,
      matmul_jointly,
      store_heads,
      attend,
      gate,
      matmul_gated,
      end_block,
      mean_rows,
      gather_rows,
      sample,
      score,
      read_at_most,
      multiply_at_most,
      stamp,
  };
  return &table;
}
