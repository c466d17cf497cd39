package dev.switchboard.executor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.executor.ExecutorConfig.Isa;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.NullAndEmptySource;
import org.junit.jupiter.params.provider.ValueSource;

class ComputingDeviceTest {
  @ParameterizedTest
  @NullAndEmptySource
  @ValueSource(strings = "mma")
  void theUsualMultiplierIsNotNamed(@Nullable String multiplier) {
    assertEquals("cuda", NativeExecutor.device(Isa.CUDA, multiplier));
  }

  @Test
  void anotherOneIsAndTheCpuHasNone() {
    assertEquals("cuda wgmma", NativeExecutor.device(Isa.CUDA, "wgmma"));
    assertEquals("cpu avx2", NativeExecutor.device(Isa.AVX2, "wgmma"));
  }
}
