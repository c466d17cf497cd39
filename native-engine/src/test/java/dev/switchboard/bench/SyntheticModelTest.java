package dev.switchboard.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.ModelDescription;
import dev.switchboard.gguf.TensorType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SyntheticModelTest {
  @TempDir private @Nullable Path folder;

  private static ModelShape tiny(String architecture, boolean tied) {
    int window = architecture.equals("gemma3") || architecture.equals("phi3") ? 64 : 0;
    return new ModelShape("tiny", architecture, 2, 256, 256, 4, 2, 64, 300, 128, tied, window);
  }

  private Path write(String subfolder, ModelShape shape, SyntheticModel.Format format)
      throws IOException {
    return SyntheticModel.at(Path.of(String.valueOf(folder)).resolve(subfolder), shape, format);
  }

  @ParameterizedTest
  @CsvSource({
    "llama, true, 9, 0, 2",
    "llama, false, 9, 0, 3",
    "qwen2, true, 9, 3, 2",
    "qwen3, true, 9, 2, 2",
    "gemma3, true, 9, 4, 2",
    "phi3, false, 9, -3, 3"
  })
  void theEngineReadsTheModelItsShapeDescribes(
      String architecture, boolean tied, int perLayer, int extra, int outside) throws IOException {
    Path path = write("m", tiny(architecture, tied), SyntheticModel.Format.Q8_0);

    try (GgufFile file = GgufFile.open(path)) {
      ModelDescription model = ModelDescription.of(file);

      assertEquals(architecture, model.architecture().word());
      assertEquals(2, model.layers());
      assertEquals(256, model.dim());
      assertEquals(4, model.heads());
      assertEquals(2, model.kvHeads());
      assertEquals(64, model.headDim());
      assertEquals(300, model.vocab());
      assertEquals(128, model.context());
      assertEquals(tied, model.tiedOutput());
      assertEquals(2 * (perLayer + extra) + outside, file.tensors().size());
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyFormatIsReadAsTheTypeItNames(SyntheticModel.Format format) throws IOException {
    try (GgufFile file = GgufFile.open(write("f", tiny("llama", true), format))) {
      ModelDescription model = ModelDescription.of(file);

      Stream<TensorType> layers =
          model.weights().stream()
              .filter(weight -> weight.layer() >= 0 && weight.rows() > 1)
              .map(ModelDescription.Weight::type);
      assertTrue(layers.allMatch(type -> type.name().equals(format.name())));
    }
  }

  @Test
  void rowsThatAreNoWholeBlocksAreWrittenInAFormatThatFits() throws IOException {
    ModelShape narrow = new ModelShape("narrow", "llama", 1, 64, 96, 2, 1, 32, 300, 128, true, 0);

    try (GgufFile file = GgufFile.open(write("n", narrow, SyntheticModel.Format.Q4_K))) {
      assertEquals("Q8_0", ModelDescription.of(file).quantization());
    }
  }

  @Test
  void aModelIsWrittenOnceAndAlwaysTheSame() throws IOException {
    Path first = write("a", tiny("llama", true), SyntheticModel.Format.Q4_0);
    Path second = write("b", tiny("llama", true), SyntheticModel.Format.Q4_0);

    assertArrayEquals(Files.readAllBytes(first), Files.readAllBytes(second));
    Files.writeString(first, "kept");
    assertEquals(first, write("a", tiny("llama", true), SyntheticModel.Format.Q4_0));
    assertEquals("kept", Files.readString(first));
  }

  @Test
  void everyPublishedShapeIsFoundByItsLabel() {
    assertEquals(8, ModelShape.labels().size());
    for (String label : ModelShape.labels()) {
      assertEquals(label, ModelShape.of(label).label());
    }
    assertThrows(IllegalArgumentException.class, () -> ModelShape.of("gpt-9"));
  }
}
