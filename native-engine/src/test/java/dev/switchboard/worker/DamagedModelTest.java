package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gguf.GgufTensor;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A model with one weight that is no number is refused with the tensor's name. */
class DamagedModelTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "token_embd.weight, nan",
    "token_embd.weight, infinite",
    "output_norm.weight, nan",
    "output_norm.weight, infinite",
    "blk.0.attn_norm.weight, nan",
    "blk.0.attn_q.weight, infinite",
    "blk.1.attn_output.weight, nan",
    "blk.1.ffn_down.weight, nan",
    "blk.1.ffn_gate.weight, infinite",
  })
  void theTensorIsNamed(String tensor, String damage) throws Exception {
    Path model =
        DamagedModels.copy(
            folder,
            tensor,
            damage.equals("nan") ? DamagedModelTest::nan : DamagedModelTest::infinite);

    ModelLoadException refused =
        assertThrows(ModelLoadException.class, DamagedModels.loader(model)::load);

    assertEquals("not-finite", refused.reason());
    assertTrue(
        String.valueOf(refused.getMessage()).contains("'" + tensor + "'"), refused::getMessage);
  }

  private static int nan(GgufTensor tensor) {
    return switch (tensor.type()) {
      case F32 -> Float.floatToIntBits(Float.NaN);
      case BF16 -> 0x7fc0;
      default -> 0x7e00;
    };
  }

  private static int infinite(GgufTensor tensor) {
    return switch (tensor.type()) {
      case F32 -> Float.floatToIntBits(Float.NEGATIVE_INFINITY);
      case BF16 -> 0xff80;
      default -> 0x7c00;
    };
  }
}
