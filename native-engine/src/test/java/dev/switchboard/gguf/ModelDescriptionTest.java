package dev.switchboard.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelDescriptionTest {
  private static final Path MODELS = Path.of("src/test/resources/golden/models");

  @ParameterizedTest
  @CsvSource({
    "tiny-llama-F32,  F32,  LLAMA, 8, 4, 32, NORM, true,  1869568",
    "tiny-llama-F16,  F16,  LLAMA, 8, 4, 32, NORM, true,  1869568",
    "tiny-llama-BF16, BF16, LLAMA, 8, 4, 32, NORM, true,  1869568",
    "tiny-llama-Q8_0, Q8_0, LLAMA, 8, 4, 32, NORM, true,  1869568",
    "tiny-llama-Q4_0, Q4_0, LLAMA, 8, 4, 32, NORM, true,  1869568",
    "tiny-llama-Q4_K, Q4_K, LLAMA, 8, 4, 32, NORM, true,  1869568",
    "tiny-llama-Q6_K, Q6_K, LLAMA, 8, 4, 32, NORM, true,  1869568",
    "tiny-qwen2-Q4_K, Q4_K, QWEN2, 8, 2, 32, NEOX, true,  1772416",
    "tiny-qwen2-Q8_0, Q8_0, QWEN2, 8, 2, 32, NEOX, true,  1772416",
    "tiny-qwen3-Q4_K, Q4_K, QWEN3, 4, 2, 64, NEOX, false, 1968256",
    "tiny-qwen3-Q8_0, Q8_0, QWEN3, 4, 2, 64, NEOX, false, 1968256",
  })
  void readsEveryGoldenModel(
      String file,
      String quantization,
      Architecture architecture,
      int heads,
      int kvHeads,
      int headDim,
      Architecture.RopeKind ropeKind,
      boolean tied,
      long parameters) {
    try (GgufFile gguf = GgufFile.open(MODELS.resolve(file + ".gguf"))) {
      ModelDescription model = ModelDescription.of(gguf);

      assertEquals(file, model.id());
      assertEquals("random-" + file, model.name());
      assertEquals(quantization, model.quantization());
      assertEquals(architecture, model.architecture());
      assertEquals(3, model.layers());
      assertEquals(256, model.dim());
      assertEquals(512, model.ffnDim());
      assertEquals(heads, model.heads());
      assertEquals(kvHeads, model.kvHeads());
      assertEquals(headDim, model.headDim());
      assertEquals(384, model.vocab());
      assertEquals(2048, model.context());
      assertEquals(ropeKind, model.rope().kind());
      assertEquals(headDim, model.rope().dim());
      assertEquals(1e6f, model.rope().base());
      assertEquals(1f, model.rope().scale());
      assertEquals(1e-5f, model.normEpsilon());
      assertEquals(tied, model.tiedOutput());
      assertEquals(parameters, model.parameters());
      assertEquals(gguf.tensors().size(), model.weights().size());
    }
  }

  @Test
  void givesEachArchitectureItsOwnAttentionVectors() {
    Set<TensorRole> llama = roles("tiny-llama-F32.gguf");
    Set<TensorRole> qwen2 = roles("tiny-qwen2-Q8_0.gguf");
    Set<TensorRole> qwen3 = roles("tiny-qwen3-Q8_0.gguf");

    assertFalse(llama.contains(TensorRole.ATTN_Q_BIAS) || llama.contains(TensorRole.ATTN_Q_NORM));
    assertTrue(qwen2.contains(TensorRole.ATTN_Q_BIAS) && qwen2.contains(TensorRole.ATTN_V_BIAS));
    assertTrue(qwen3.contains(TensorRole.ATTN_Q_NORM) && qwen3.contains(TensorRole.ATTN_K_NORM));
  }

  @Test
  void dataOfAWeightIsExactlyItsBytes() {
    try (GgufFile gguf = GgufFile.open(MODELS.resolve("tiny-llama-Q4_K.gguf"))) {
      for (ModelDescription.Weight weight : ModelDescription.of(gguf).weights()) {
        TensorType type = weight.type();

        assertEquals(
            weight.rows() * weight.cols() / type.blockElements() * type.blockBytes(),
            weight.data().byteSize());
        assertEquals(0, weight.data().address() % 32);
        assertTrue(weight.data().isReadOnly());
      }
    }
  }

  @Test
  void rolesAreNumberedAsInTheHeader() throws Exception {
    String header =
        Files.readString(Path.of("src/main/cpp/abi/switchboard.h")).replaceAll("/\\*.*?\\*/", "");
    for (TensorRole role : TensorRole.values()) {
      // The library knows one set of factors, whichever the file's it is.
      String known = role.name().startsWith("ROPE_FACTORS_") ? "ROPE_FREQS" : role.name();
      assertTrue(header.contains("SB_" + known + " = " + role.id()), role.name());
    }
    for (Architecture architecture : Architecture.values()) {
      assertTrue(header.contains("SB_ARCH_" + architecture + " = " + architecture.id()));
    }
    for (ModelDescription.Pooling pooling : ModelDescription.Pooling.values()) {
      assertTrue(header.contains("SB_POOL_" + pooling + " = " + pooling.id()));
    }
    for (TensorType type : TensorType.values()) {
      assertEquals(
          type.isSupported(), header.contains("SB_TYPE_" + type + " = " + type.id()), type.name());
    }
  }

  private static Set<TensorRole> roles(String file) {
    try (GgufFile gguf = GgufFile.open(MODELS.resolve(file))) {
      return ModelDescription.of(gguf).weights().stream()
          .map(ModelDescription.Weight::role)
          .collect(Collectors.toCollection(() -> EnumSet.noneOf(TensorRole.class)));
    }
  }

  @Test
  void modelIdNeedsNoEscaping() {
    Set<String> ids = new TreeSet<>();
    for (String name : new String[] {"Llama 3.2 1B (Q4_K_M).gguf", "a.GGUF", ".gguf", "x"}) {
      ids.add(ModelReader.idOf(Path.of("dir", name)));
    }

    assertEquals(Set.of("Llama-3.2-1B--Q4_K_M-", "a", "model", "x"), ids);
  }
}
