package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ModelSpecTest {

  private static String name(String file) {
    return new ModelSpec(Path.of(file), null, null).servedName();
  }

  @Test
  void aModelIsCalledAsItsFileWithoutTheNumberOfAPart() {
    assertEquals("qwen3-0.6b", name("/models/qwen3-0.6b.gguf"));
    assertEquals("qwen3-0.6b", name("/models/qwen3-0.6b-00001-of-00003.gguf"));
    assertEquals("model.bin", name("model.bin"));
  }
}
