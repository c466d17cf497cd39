// Engines on a device, emulated or what SWITCHBOARD_CUDA_LIBRARY names.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "emulated_device.h"
#include "engine_testing.h"

namespace sb::testing {

using cuda::emulated::Settings;

// Names another library than the emulation: then the tests that ask nothing of it but what a device
// does run on that one's.
inline constexpr char kVariable[] = "SWITCHBOARD_CUDA_LIBRARY";

class DeviceTest : public ::testing::Test {
 protected:
  DeviceTest() { setenv(kVariable, SB_EMULATED_LIBRARY, 0); }
  // Of a test that chose another.
  ~DeviceTest() override { unsetenv(cuda::kBrainVariable); }
};

// The emulation's settings are again what they were when the test ends.
class EmulatedDeviceTest : public ::testing::Test {
 protected:
  EmulatedDeviceTest() : library_(dlopen(SB_EMULATED_LIBRARY, RTLD_NOW)) {
    if (library_ == nullptr) throw std::runtime_error(dlerror());
    setenv(kVariable, SB_EMULATED_LIBRARY, 1);
    using Entry = Settings* (*)();
    const auto entry = reinterpret_cast<Entry>(dlsym(library_, cuda::emulated::kSettingsSymbol));
    settings_ = entry();
    *settings_ = {};
  }
  ~EmulatedDeviceTest() override {
    EXPECT_EQ(settings_->taken, 0U);
    EXPECT_EQ(settings_->graphs, 0);
    EXPECT_EQ(settings_->pinned, 0U);
    *settings_ = {};
    setenv(kVariable, SB_EMULATED_LIBRARY, 1);
    unsetenv(cuda::kBrainVariable);
  }

  [[nodiscard]] Settings& settings() { return *settings_; }

  // The text of the refusal; empty when there is none.
  static std::string refusal(int32_t expected) {
    const TestModel model(ModelSpec{});
    const sb_model_config description = model.config();
    sb_engine_config config = engine_config();
    config.isa = SB_ISA_CUDA;
    sb_engine* engine = nullptr;
    EXPECT_EQ(sb_engine_create(&description, &config, nullptr, &engine), expected);
    sb_engine_destroy(engine);
    return engine == nullptr ? sb_last_error() : "";
  }

 private:
  void* library_;
  Settings* settings_;
};

inline sb_engine_config on_device(sb_engine_config config) {
  config.isa = SB_ISA_CUDA;
  return config;
}

// Readies the mask for the engine's next step.
inline void allow(TestEngine& engine, int32_t slot, const std::vector<int32_t>& tokens) {
  sb_masks masks{};
  masks.struct_size = sizeof(masks);
  ASSERT_EQ(sb_engine_masks(engine.handle(), &masks), SB_OK) << sb_last_error();
  auto* words = reinterpret_cast<uint64_t*>(static_cast<char*>(masks.base) +
                                            static_cast<uint64_t>(slot) * masks.slot_bytes);
  for (const int32_t token : tokens) words[token / 64] |= uint64_t{1} << (token % 64);
  ASSERT_EQ(sb_mask_ready(engine.handle(), slot, engine.last_step() + 1), SB_OK);
}

}  // namespace sb::testing
