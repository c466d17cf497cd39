package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

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
    ServedModel model = DamagedModels.loader(file).load();
    try {
      return model.facts().fingerprint();
    } finally {
      model.engine().close();
    }
  }
}
