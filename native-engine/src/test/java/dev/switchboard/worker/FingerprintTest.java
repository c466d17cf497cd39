package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.switchboard.executor.ExecutorConfig.KvType;
import dev.switchboard.timeline.EpochClock;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A stream goes on at a worker of the same fingerprint, so models that were trained differently
 * must not have the same, whatever else they have in common.
 */
class FingerprintTest {
  @TempDir Path folder;

  @Test
  void oneWeightIsEnoughToDiffer() throws Exception {
    Path other = DamagedModels.copy(folder, "blk.1.ffn_down.weight", tensor -> 0x1234);

    assertEquals(fingerprint(DamagedModels.DEMO), fingerprint(DamagedModels.DEMO));
    assertNotEquals(fingerprint(DamagedModels.DEMO), fingerprint(other));
  }

  private static String fingerprint(Path file) throws Exception {
    ModelOptions options =
        new ModelOptions(
            file,
            "the-same",
            Device.CPU,
            1,
            1,
            1,
            0,
            null,
            KvMemory.parse("8MiB"),
            KvType.F16,
            4,
            64,
            0,
            null,
            null,
            false);
    ServedModel model = new ModelLoader(options, EpochClock.system(), (done, total) -> {}).load();
    try {
      return model.facts().fingerprint();
    } finally {
      model.engine().close();
    }
  }
}
