package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufBuilder.array;
import static dev.switchboard.gguf.GgufBuilder.bert;
import static dev.switchboard.gguf.GgufBuilder.bool;
import static dev.switchboard.gguf.GgufBuilder.f32;
import static dev.switchboard.gguf.GgufBuilder.gemma3;
import static dev.switchboard.gguf.GgufBuilder.i32;
import static dev.switchboard.gguf.GgufBuilder.i32s;
import static dev.switchboard.gguf.GgufBuilder.like;
import static dev.switchboard.gguf.GgufBuilder.llama;
import static dev.switchboard.gguf.GgufBuilder.phi3;
import static dev.switchboard.gguf.GgufBuilder.ranker;
import static dev.switchboard.gguf.GgufBuilder.string;
import static dev.switchboard.gguf.GgufBuilder.u32;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.ModelDescription.Pooling;
import dev.switchboard.gguf.ModelDescription.Rope;
import dev.switchboard.gguf.ModelDescription.Weight;
import dev.switchboard.gguf.ModelDescription.Yarn;
import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What sets the architectures apart, as files say it and as they say it wrongly. */
class ArchitectureReadingTest {
  private static final String WINDOW = ".attention.sliding_window";
  private static final String PATTERN = ".attention.sliding_window_pattern";

  private static ModelDescription read(GgufBuilder file) {
    return ModelDescription.of(file.open());
  }

  private static List<Integer> windows(GgufBuilder file) {
    return read(file).attention().windows();
  }

  private static GgufBuilder layers(GgufBuilder file, String architecture, int count) {
    for (int layer = 1; layer < count; layer++) {
      file.copyLayer(layer);
    }
    return file.put(architecture + ".block_count", u32(count));
  }

  @Test
  void gemmaScalesItsEmbeddingAndGemma2CapsByDefault() {
    ModelDescription gemma2 = read(gemma2());
    ModelDescription gemma3 = read(gemma3());

    assertEquals((float) Math.sqrt(32), gemma2.embeddingScale());
    assertEquals(50, gemma2.attention().softcap());
    assertEquals(30, gemma2.logitSoftcap());
    assertEquals(0, gemma3.attention().softcap());
    assertEquals(0, gemma3.logitSoftcap());
    assertEquals(1, read(llama()).embeddingScale());
    assertTrue(gemma2.tiedOutput());
  }

  private static GgufBuilder gemma2() {
    return like("gemma2")
        .tensor("blk.0.post_attention_norm.weight", 0, 32)
        .tensor("blk.0.post_ffw_norm.weight", 0, 32);
  }

  @Test
  void windowsFollowTheArchitecturesPatternOrTheFiles() {
    assertEquals(List.of(4096, 0, 4096), windows(layers(gemma2(), "gemma2", 3)));
    assertEquals(List.of(), windows(gemma3()));
    assertEquals(
        List.of(8, 8, 8, 8, 8, 0, 8),
        windows(layers(gemma3(), "gemma3", 7).put("gemma3" + WINDOW, u32(8))));
    assertEquals(
        List.of(8, 0, 8),
        windows(
            layers(gemma3(), "gemma3", 3)
                .put("gemma3" + WINDOW, u32(8))
                .put("gemma3" + PATTERN, u32(2))));
    assertEquals(
        List.of(0, 8, 8),
        windows(
            layers(llama(), "llama", 3)
                .put("llama" + WINDOW, u32(8))
                .put("llama" + PATTERN, array(7, 3, new byte[] {0, 1, 1}))));
    assertEquals(List.of(9, 9), windows(layers(llama(), "llama", 2).put("llama" + WINDOW, u32(9))));
    assertEquals(List.of(), windows(phi3().put("phi3" + WINDOW, u32(0))));
    assertEquals(List.of(16), windows(phi3().put("phi3" + WINDOW, u32(16))));
  }

  @Test
  void layersWithAWindowOfGemma3HaveABaseOfTheirOwn() {
    GgufBuilder file =
        layers(gemma3(), "gemma3", 6)
            .put("gemma3" + WINDOW, u32(8))
            .put("gemma3.rope.freq_base", f32(1e6f))
            .put("gemma3.rope.scaling.factor", f32(8));
    Rope rope = read(file).rope();

    assertEquals(1e6f, rope.base());
    assertEquals(8, rope.scale());
    assertEquals(10_000, rope.windowBase());
    assertEquals(5e3f, read(file.put("gemma3.rope.freq_base_swa", f32(5e3f))).rope().windowBase());
    assertEquals(0, read(gemma3()).rope().windowBase());
    assertEquals(0, read(gemma2()).rope().windowBase());
  }

  @Test
  void theScaleOfScoresIsThatOfTheHeadUnlessTheModelHasAnother() {
    assertEquals(0.25f, read(llama()).attention().scale());
    assertEquals(
        0.5f,
        read(like("qwen3")
                .tensor("blk.0.attn_q_norm.weight", 0, 16)
                .tensor("blk.0.attn_k_norm.weight", 0, 16)
                .put("qwen3.attention.scale", f32(0.5f)))
            .attention()
            .scale());
    // 32 dimensions over 2 heads, though the head has 8.
    GgufBuilder wide =
        gemma2()
            .put("gemma2.attention.key_length", u32(8))
            .put("gemma2.attention.value_length", u32(8))
            .tensor("blk.0.attn_q.weight", 0, 32, 16)
            .tensor("blk.0.attn_k.weight", 0, 32, 8)
            .tensor("blk.0.attn_v.weight", 0, 32, 8)
            .tensor("blk.0.attn_output.weight", 0, 16, 32);
    assertEquals((float) (1 / Math.sqrt(8)), read(wide).attention().scale());
    assertEquals(0.25f, read(layers(wide, "gemma2", 46).dataBytes(4 << 20)).attention().scale());
  }

  @Test
  void fusedTensorsAreHandedOnAsTheMatricesTheyHold() {
    ModelDescription model = read(phi3());

    Weight q = weight(model, TensorRole.ATTN_Q);
    Weight v = weight(model, TensorRole.ATTN_V);
    Weight up = weight(model, TensorRole.FFN_UP);
    assertEquals(List.of(32L, 32L), List.of(q.rows(), q.cols()));
    assertEquals(List.of(16L, 32L), List.of(v.rows(), v.cols()));
    assertEquals(32 * 32 * 4, q.data().byteSize());
    // Q's 32 rows and K's 16 lie before V.
    assertEquals(48 * 32 * 4, v.data().address() - q.data().address());
    assertEquals(
        64 * 32 * 4, up.data().address() - weight(model, TensorRole.FFN_GATE).data().address());
    assertEquals(64, up.rows());
    assertEquals(32, model.rope().originalContext());
  }

  private static Weight weight(ModelDescription model, TensorRole role) {
    return model.weights().stream().filter(w -> w.role() == role).findFirst().orElseThrow();
  }

  @Test
  void yarnStretchesAndMagnifies() {
    Rope rope =
        read(llama()
                .put("llama.rope.scaling.type", string("yarn"))
                .put("llama.rope.scaling.factor", f32(4))
                .put("llama.rope.scaling.original_context_length", u32(16)))
            .rope();

    assertEquals(new Yarn(32, 1), rope.yarn());
    assertEquals(16, rope.originalContext());
    assertEquals((float) (1 + 0.1 * Math.log(4)), rope.magnitude());
    assertEquals(2, read(llama().put("llama.rope.scaling.attn_factor", f32(2))).rope().magnitude());
  }

  @Test
  void anEncoderPoolsAsItsFileSaysAndRanksWithAClassifier() {
    assertEquals(Pooling.CLS, read(bert()).pooling());
    assertEquals(Pooling.MEAN, read(bert().remove("bert.pooling_type")).pooling());
    assertEquals(Pooling.RANK, read(ranker()).pooling());
    assertEquals(Pooling.RANK, read(ranker().remove("bert.pooling_type")).pooling());
    assertEquals(32, read(bert()).embeddingSize());
    assertEquals(1, read(ranker()).embeddingSize());
    assertEquals(0, read(bert()).rope().dim());
    assertEquals(1, weight(read(bert()), TensorRole.TOKEN_TYPES).rows());
    assertNotNull(
        weight(read(bert().put("bert.context_length", u32(9))), TensorRole.POSITION_EMBD));
  }

  @Test
  void aDecoderEmbedsWhenItsFileSaysHow() {
    assertEquals(Pooling.NONE, read(llama()).pooling());
    assertEquals(Pooling.NONE, read(llama().put("llama.pooling_type", u32(0))).pooling());
    ModelDescription last = read(llama().put("llama.pooling_type", u32(3)));
    assertEquals(Pooling.LAST, last.pooling());
    assertEquals(32, last.embeddingSize());
    assertTrue(last.embeds());
  }

  private static DynamicTest refuses(String name, Reason reason, String text, GgufBuilder file) {
    return DynamicTest.dynamicTest(
        name,
        () -> {
          GgufException refused = assertThrows(GgufException.class, () -> read(file));
          assertEquals(reason, refused.reason(), refused.getMessage());
          assertTrue(String.valueOf(refused.getMessage()).contains(text), refused.getMessage());
        });
  }

  @TestFactory
  List<DynamicTest> numbers() {
    String scale = "gemma3.attention.scale";
    String attention = "gemma2.attn_logit_softcapping";
    String logits = "gemma2.final_logit_softcapping";
    String base = "gemma3.rope.freq_base_swa";
    String magnitude = "phi3.rope.scaling.attn_factor";
    String original = "phi3.rope.scaling.original_context_length";
    return List.of(
        refuses("window", Reason.BAD_VALUE, WINDOW, gemma3().put("gemma3" + WINDOW, i32(-1))),
        refuses("huge window", Reason.BAD_VALUE, WINDOW, gemma3().put("gemma3" + WINDOW, u32(-1))),
        refuses("period", Reason.BAD_VALUE, PATTERN, gemma2().put("gemma2" + PATTERN, i32(-2))),
        refuses(
            "few flags",
            Reason.BAD_VALUE,
            PATTERN,
            layers(gemma2(), "gemma2", 2).put("gemma2" + PATTERN, array(7, 1, new byte[] {1}))),
        refuses(
            "many flags",
            Reason.BAD_VALUE,
            PATTERN,
            gemma2().put("gemma2" + PATTERN, array(7, 2, new byte[] {1, 1}))),
        refuses(
            "numbers for flags",
            Reason.WRONG_VALUE_TYPE,
            PATTERN,
            gemma2().put("gemma2" + PATTERN, i32s(1))),
        refuses("NaN", Reason.BAD_VALUE, attention, gemma2().put(attention, f32(Float.NaN))),
        refuses("negative cap", Reason.BAD_VALUE, logits, gemma2().put(logits, f32(-30))),
        refuses("infinite cap", Reason.BAD_VALUE, logits, gemma2().put(logits, f32(1f / 0f))),
        refuses("scale", Reason.BAD_VALUE, scale, gemma3().put(scale, f32(-1))),
        refuses("no float", Reason.WRONG_VALUE_TYPE, scale, gemma3().put(scale, u32(1))),
        refuses(
            "window base",
            Reason.BAD_VALUE,
            base,
            gemma3().put("gemma3" + WINDOW, u32(8)).put(base, f32(0))),
        refuses("magnitude", Reason.BAD_VALUE, magnitude, phi3().put(magnitude, f32(0))),
        refuses("original", Reason.BAD_VALUE, original, phi3().put(original, u32(0))));
  }

  @TestFactory
  List<DynamicTest> rotation() {
    String type = ".rope.scaling.type";
    return List.of(
        refuses(
            "factors too long",
            Reason.BAD_SHAPE,
            "rope_factors_long",
            phi3().tensor("rope_factors_long.weight", 0, 9)),
        refuses(
            "one set of factors",
            Reason.MISSING_TENSOR,
            "rope_factors_short",
            phi3().removeTensor("rope_factors_short.weight")),
        refuses(
            "factors of a Llama",
            Reason.UNEXPECTED_TENSOR,
            "rope_factors_long",
            llama().tensor("rope_factors_long.weight", 0, 8)),
        refuses(
            "longrope and a factor",
            Reason.UNSUPPORTED_FEATURE,
            "rope.scaling.factor",
            phi3().put("phi3" + type, string("longrope")).put("phi3.rope.scaling.factor", f32(4))),
        refuses(
            "half a YaRN",
            Reason.UNSUPPORTED_FEATURE,
            "yarn_ext_factor",
            llama()
                .put("llama" + type, string("yarn"))
                .put("llama.rope.scaling.yarn_ext_factor", f32(0.5f))),
        refuses(
            "another YaRN",
            Reason.UNSUPPORTED_FEATURE,
            "yarn_log_multiplier",
            llama()
                .put("llama" + type, string("yarn"))
                .put("llama.rope.scaling.yarn_log_multiplier", f32(0.1f))),
        refuses(
            "no turns",
            Reason.BAD_VALUE,
            "yarn_beta_fast",
            llama()
                .put("llama" + type, string("yarn"))
                .put("llama.rope.scaling.yarn_beta_fast", f32(0))));
  }

  @TestFactory
  List<DynamicTest> tensors() {
    return List.of(
        refuses(
            "few rows in Q, K and V",
            Reason.BAD_SHAPE,
            "attn_qkv",
            phi3().tensor("blk.0.attn_qkv.weight", 0, 32, 48)),
        refuses(
            "few rows in gate and up",
            Reason.BAD_SHAPE,
            "ffn_up",
            phi3().tensor("blk.0.ffn_up.weight", 0, 32, 64)),
        refuses(
            "Q beside Q, K and V",
            Reason.UNEXPECTED_TENSOR,
            "attn_q.weight",
            phi3().tensor("blk.0.attn_q.weight", 0, 32, 32)),
        refuses(
            "no norm after a block",
            Reason.MISSING_TENSOR,
            "post_ffw_norm",
            gemma3().removeTensor("blk.0.post_ffw_norm.weight")),
        refuses(
            "an output layer of Gemma 2",
            Reason.UNEXPECTED_TENSOR,
            "output.weight",
            gemma2().tensor("output.weight", 0, 32, 8)),
        refuses(
            "positions short of the context",
            Reason.BAD_SHAPE,
            "position_embd",
            bert().tensor("position_embd.weight", 0, 32, 63)),
        refuses(
            "types of another length",
            Reason.BAD_SHAPE,
            "token_types",
            bert().tensor("token_types.weight", 0, 16, 2)),
        refuses(
            "halves of types",
            Reason.UNSUPPORTED_TENSOR_TYPE,
            "token_types",
            bert().tensor("token_types.weight", 1, 32, 2)),
        refuses(
            "a gate in a BERT",
            Reason.UNEXPECTED_TENSOR,
            "ffn_gate",
            bert().tensor("blk.0.ffn_gate.weight", 0, 32, 64)));
  }

  @TestFactory
  List<DynamicTest> encoders() {
    return List.of(
        refuses(
            "a mask",
            Reason.UNSUPPORTED_FEATURE,
            "causal",
            bert().put("bert.attention.causal", bool(1))),
        refuses(
            "no mask",
            Reason.UNSUPPORTED_FEATURE,
            "causal",
            gemma3().put("gemma3.attention.causal", bool(0))),
        refuses("a window", Reason.BAD_VALUE, WINDOW, bert().put("bert" + WINDOW, u32(8))),
        refuses(
            "no pooling",
            Reason.BAD_VALUE,
            "pooling_type",
            bert().put("bert.pooling_type", u32(0))),
        refuses(
            "another pooling",
            Reason.BAD_VALUE,
            "pooling_type",
            bert().put("bert.pooling_type", u32(5))),
        refuses(
            "an idle classifier",
            Reason.BAD_VALUE,
            "pooling_type",
            ranker().put("bert.pooling_type", u32(1))),
        refuses(
            "no classifier",
            Reason.MISSING_TENSOR,
            "cls.output",
            bert().put("bert.pooling_type", u32(4))),
        refuses(
            "labels",
            Reason.UNSUPPORTED_FEATURE,
            "3 labels",
            ranker().tensor("cls.output.weight", 0, 32, 3)),
        refuses(
            "a decoder that ranks",
            Reason.UNSUPPORTED_FEATURE,
            "pooling_type is 4",
            llama().put("llama.pooling_type", u32(4))),
        refuses(
            "alibi",
            Reason.UNSUPPORTED_FEATURE,
            "max_alibi_bias",
            bert().put("bert.attention.max_alibi_bias", f32(8))),
        refuses(
            "no epsilon",
            Reason.MISSING_KEY,
            "layer_norm_epsilon",
            bert().remove("bert.attention.layer_norm_epsilon")));
  }
}
