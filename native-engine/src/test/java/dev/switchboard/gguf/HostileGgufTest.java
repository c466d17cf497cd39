package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufBuilder.array;
import static dev.switchboard.gguf.GgufBuilder.bool;
import static dev.switchboard.gguf.GgufBuilder.f32;
import static dev.switchboard.gguf.GgufBuilder.f64;
import static dev.switchboard.gguf.GgufBuilder.i32s;
import static dev.switchboard.gguf.GgufBuilder.llama;
import static dev.switchboard.gguf.GgufBuilder.rawString;
import static dev.switchboard.gguf.GgufBuilder.string;
import static dev.switchboard.gguf.GgufBuilder.strings;
import static dev.switchboard.gguf.GgufBuilder.u32;
import static dev.switchboard.gguf.GgufBuilder.u64;
import static dev.switchboard.gguf.GgufBuilder.u8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gguf.GgufBuilder.Value;
import dev.switchboard.gguf.GgufException.Reason;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Each known way to lie in a GGUF file is refused with its reason and the liar's name. */
class HostileGgufTest {
  private static final byte[] BAD_UTF8 = {(byte) 0xC3, 0x28};
  private static final byte[] OVERLONG_UTF8 = {(byte) 0xC0, (byte) 0xAF};
  private static final byte[] SURROGATE_UTF8 = {(byte) 0xED, (byte) 0xA0, (byte) 0x80};

  private static DynamicTest refuses(String lie, Reason reason, String named, GgufBuilder file) {
    return DynamicTest.dynamicTest(lie, () -> assertRefused(reason, named, file.build()));
  }

  private static void assertRefused(Reason reason, String named, byte[] bytes) {
    GgufException e =
        assertThrows(
            GgufException.class,
            () -> {
              try (GgufFile file = GgufBuilder.open(bytes)) {
                ModelDescription.of(file);
              }
            });

    assertEquals(reason, e.reason(), e.getMessage());
    assertTrue(e.getMessage().startsWith(reason.word() + ": "), e.getMessage());
    assertTrue(e.getMessage().contains(named), e.getMessage());
  }

  @Test
  void theBuiltModelIsSound() {
    ModelDescription model = ModelDescription.of(llama().open());

    assertEquals(8, model.vocab());
    assertEquals(16, model.headDim());
    assertEquals(1, model.kvHeads());
    assertEquals(11, model.weights().size());
    assertTrue(model.tiedOutput());
  }

  @Test
  void version2IsRead() {
    assertEquals(8, ModelDescription.of(llama().version(2).open()).vocab());
  }

  @TestFactory
  List<DynamicTest> header() {
    return List.of(
        refuses("magic", Reason.NOT_GGUF, "GGUF", llama().magic(0x46554748)),
        refuses("version 0", Reason.UNSUPPORTED_VERSION, "0", llama().version(0)),
        refuses("version 1", Reason.UNSUPPORTED_VERSION, "1", llama().version(1)),
        refuses("version 4", Reason.UNSUPPORTED_VERSION, "4", llama().version(4)),
        refuses("version -1", Reason.UNSUPPORTED_VERSION, "4294967295", llama().version(-1)),
        refuses("big-endian", Reason.BIG_ENDIAN, "big-endian", llama().version(0x03000000)),
        refuses("2^63 tensors", Reason.LIMIT, "tensor count", llama().counts(1L << 63, 1)),
        refuses("2^32 tensors", Reason.LIMIT, "tensor count", llama().counts(1L << 32, 1)),
        refuses("2^64-1 entries", Reason.LIMIT, "metadata count", llama().counts(1, -1)),
        refuses("an entry too many", Reason.TRUNCATED, "key", new GgufBuilder().counts(0, 9)),
        refuses("a tensor too many", Reason.TRUNCATED, "tensor 0", new GgufBuilder().counts(3, 0)));
  }

  @TestFactory
  List<DynamicTest> keysAndStrings() {
    Value yes = bool(1);
    return List.of(
        refuses("empty key", Reason.BAD_KEY, "key 13", llama().add(new byte[0], yes)),
        refuses("long key", Reason.LIMIT, "key 13", llama().add(new byte[2000], yes)),
        refuses("key not UTF-8", Reason.BAD_TEXT, "key 13", llama().add(BAD_UTF8, yes)),
        refuses("surrogate key", Reason.BAD_TEXT, "key 13", llama().add(SURROGATE_UTF8, yes)),
        refuses(
            "the same key twice",
            Reason.DUPLICATE_KEY,
            "'general.name'",
            llama().add("general.name".getBytes(StandardCharsets.UTF_8), yes)),
        refuses(
            "overlong UTF-8",
            Reason.BAD_TEXT,
            "'x'",
            llama().put("x", rawString(2, OVERLONG_UTF8))),
        refuses("2^63 bytes", Reason.LIMIT, "'x'", llama().put("x", rawString(1L << 63, BAD_UTF8))),
        refuses("2^32 bytes", Reason.LIMIT, "'x'", llama().put("x", rawString(1L << 32, BAD_UTF8))),
        refuses(
            "string past the end",
            Reason.TRUNCATED,
            "'x'",
            new GgufBuilder().put("x", rawString(900_000, BAD_UTF8))),
        refuses("value type 13", Reason.UNKNOWN_VALUE_TYPE, "13", llama().put("x", raw(13))),
        refuses("value type -1", Reason.UNKNOWN_VALUE_TYPE, "'x'", llama().put("x", raw(-1))),
        refuses("bool of 2", Reason.BAD_VALUE, "'x'", llama().put("x", bool(2))));
  }

  private static Value raw(int type) {
    return new Value(type, new byte[8]);
  }

  @TestFactory
  List<DynamicTest> arrays() {
    byte[] elementHeader = new byte[12];
    return List.of(
        refuses("2^63 elements", Reason.LIMIT, "'x'", llama().put("x", array(4, 1L << 63))),
        refuses("2^61 u64", Reason.LIMIT, "'x'", llama().put("x", array(10, 1L << 61))),
        refuses("4 million u64", Reason.TRUNCATED, "'x'", llama().put("x", array(10, 4_000_000))),
        refuses(
            "4 million strings", Reason.TRUNCATED, "'x'", llama().put("x", array(8, 4_000_000))),
        refuses("element type 14", Reason.UNKNOWN_VALUE_TYPE, "14", llama().put("x", array(14, 1))),
        refuses(
            "a long string inside",
            Reason.LIMIT,
            "'x'[1]",
            llama().put("x", array(8, 2, new byte[8], repeat((byte) -1, 8)))),
        refuses(
            "arrays of arrays of arrays of arrays of arrays",
            Reason.LIMIT,
            "'x'",
            llama().put("x", nested(5))),
        refuses(
            "many empty arrays",
            Reason.TRUNCATED,
            "'x'",
            new GgufBuilder().put("x", array(9, 1_000_000, elementHeader))));
  }

  @Test
  void nestedArraysWithinTheLimitAreReadOver() {
    GgufFile file = llama().put("x", nested(4)).open();

    assertTrue(file.metadata().has("x"));
    assertThrows(GgufException.class, () -> file.metadata().integersOrEmpty("x"));
  }

  /** Arrays inside each other, the innermost empty. */
  private static Value nested(int depth) {
    Value value = array(0, 0);
    for (int i = 1; i < depth; i++) {
      value = array(9, 1, value.payload());
    }
    return value;
  }

  private static byte[] repeat(byte value, int count) {
    byte[] bytes = new byte[count];
    Arrays.fill(bytes, value);
    return bytes;
  }

  @TestFactory
  List<DynamicTest> alignment() {
    String key = "general.alignment";
    return List.of(
        refuses("0", Reason.BAD_ALIGNMENT, key, llama().put(key, u32(0))),
        refuses("1", Reason.BAD_ALIGNMENT, key, llama().put(key, u32(1))),
        refuses("24", Reason.BAD_ALIGNMENT, key, llama().put(key, u32(24))),
        refuses("2^30", Reason.BAD_ALIGNMENT, key, llama().put(key, u32(1 << 30))),
        refuses("2^31", Reason.BAD_VALUE, key, llama().put(key, u32(1L << 31))),
        refuses("2^64-1", Reason.BAD_VALUE, key, llama().put(key, u64(-1))),
        refuses("text", Reason.WRONG_VALUE_TYPE, key, llama().put(key, string("32"))));
  }

  @Test
  void otherAlignmentsAreRead() {
    for (int alignment : new int[] {8, 16, 64, 4096}) {
      assertEquals(8, ModelDescription.of(llama().alignment(alignment).open()).vocab());
    }
  }

  @TestFactory
  List<DynamicTest> tensors() {
    String q = "blk.0.attn_q.weight";
    byte[] name = q.getBytes(StandardCharsets.UTF_8);
    return List.of(
        refuses("no dimension", Reason.BAD_SHAPE, q, llama().tensor(q, 0)),
        refuses("5 dimensions", Reason.BAD_SHAPE, q, llama().tensor(q, 0, 32, 32, 1, 1, 1)),
        refuses("zero rows", Reason.BAD_SHAPE, q, llama().tensor(q, 0, 32, 0)),
        refuses("-1 columns", Reason.BAD_SHAPE, q, llama().tensor(q, 0, -1, 32)),
        refuses("2^64 elements", Reason.BAD_SHAPE, q, llama().tensor(q, 0, 1L << 32, 1L << 32)),
        refuses("2^63 elements", Reason.BAD_SHAPE, q, llama().tensor(q, 0, Long.MAX_VALUE, 1)),
        refuses("half a block", Reason.BAD_SHAPE, q, llama().tensor(q, 8, 16, 64)),
        refuses(
            "type 4", Reason.UNKNOWN_TENSOR_TYPE, "type Q4_2 (4), ", llama().tensor(q, 4, 32, 32)),
        refuses(
            "type 41",
            Reason.UNKNOWN_TENSOR_TYPE,
            "type Q1_0 (41), not one of F32, F16, Q4_0",
            llama().tensor(q, 41, 32, 32)),
        refuses("type 99", Reason.UNKNOWN_TENSOR_TYPE, q, llama().tensor(q, 99, 32, 32)),
        refuses("type -1", Reason.UNKNOWN_TENSOR_TYPE, q, llama().tensor(q, -1, 32, 32)),
        refuses("misaligned", Reason.MISALIGNED_TENSOR, q, llama().tensorAt(1040, q, 0, 32, 32)),
        refuses("at -32", Reason.TENSOR_OUT_OF_FILE, q, llama().tensorAt(-32, q, 0, 32, 32)),
        refuses(
            "at 2^63-32",
            Reason.TENSOR_OUT_OF_FILE,
            q,
            llama().tensorAt(Long.MAX_VALUE - 31, q, 0, 32, 32)),
        refuses("at 2^40", Reason.TENSOR_OUT_OF_FILE, q, llama().tensorAt(1L << 40, q, 0, 32, 32)),
        refuses("overlap", Reason.OVERLAPPING_TENSORS, q, llama().tensorAt(32, q, 0, 32, 32)),
        refuses("all at 0", Reason.OVERLAPPING_TENSORS, q, llama().tensorAt(0, q, 0, 32, 32)),
        refuses("twice", Reason.DUPLICATE_TENSOR, q, llama().addTensor(name, 0, 32, 32)),
        refuses("no name", Reason.BAD_TENSOR_NAME, "11", llama().addTensor(new byte[0], 0, 32)),
        refuses("name not UTF-8", Reason.BAD_TEXT, "11", llama().addTensor(BAD_UTF8, 0, 32)),
        refuses("long name", Reason.LIMIT, "11", llama().addTensor(new byte[300], 0, 32)),
        refuses("no data", Reason.TENSOR_OUT_OF_FILE, "token_embd", llama().dataBytes(0)),
        refuses("data cut", Reason.TENSOR_OUT_OF_FILE, "output_norm", llama().dataBytes(38_200)));
  }

  @TestFactory
  List<DynamicTest> models() {
    String q = "blk.0.attn_q.weight";
    return List.of(
        refuses(
            "another architecture",
            Reason.UNSUPPORTED_ARCHITECTURE,
            "'mamba'",
            llama().put("general.architecture", string("mamba"))),
        refuses(
            "a family's other version",
            Reason.UNSUPPORTED_ARCHITECTURE,
            "(general.architecture): the closest is qwen3",
            llama().put("general.architecture", string("qwen3moe"))),
        refuses(
            "another family",
            Reason.UNSUPPORTED_ARCHITECTURE,
            "nomic-bert (general.architecture)",
            llama().put("general.architecture", string("rwkv6"))),
        refuses(
            "no architecture",
            Reason.MISSING_KEY,
            "general.architecture",
            llama().remove("general.architecture")),
        refuses(
            "architecture is a number",
            Reason.WRONG_VALUE_TYPE,
            "general.architecture",
            llama().put("general.architecture", u32(1))),
        refuses("a missing layer", Reason.MISSING_TENSOR, "blk.1", withCount("block_count", 2)),
        refuses("no layer", Reason.BAD_VALUE, "block_count", withCount("block_count", 0)),
        refuses("2^32-1 layers", Reason.BAD_VALUE, "block_count", withCount("block_count", -1)),
        refuses(
            "a layer too many",
            Reason.UNEXPECTED_TENSOR,
            "blk.1",
            withLayer("blk.1.ffn_up.weight")),
        refuses(
            "a leading zero",
            Reason.UNEXPECTED_TENSOR,
            "blk.00",
            withLayer("blk.00.ffn_up.weight")),
        refuses(
            "experts", Reason.UNSUPPORTED_FEATURE, "expert_count", withCount("expert_count", 8)),
        refuses(
            "an unknown bias",
            Reason.UNEXPECTED_TENSOR,
            "attn_output.bias",
            llama().tensor("blk.0.attn_output.bias", 0, 32)),
        refuses("missing", Reason.MISSING_TENSOR, q, llama().removeTensor(q)),
        refuses(
            "transposed",
            Reason.BAD_SHAPE,
            "attn_k",
            llama().tensor("blk.0.attn_k.weight", 0, 16, 32)),
        refuses("3 dimensions", Reason.BAD_SHAPE, q, llama().tensor(q, 0, 32, 32, 1)),
        refuses("IQ4_XS", Reason.UNSUPPORTED_TENSOR_TYPE, "the closest is IQ4_NL", iq4xs()),
        refuses(
            "I8",
            Reason.UNSUPPORTED_TENSOR_TYPE,
            "is I8, not one of F32",
            llama().tensor(q, 24, 32, 32)),
        refuses(
            "an F16 norm",
            Reason.UNSUPPORTED_TENSOR_TYPE,
            "output_norm.weight",
            llama().tensor("output_norm.weight", 1, 32)),
        refuses(
            "3 heads of 2",
            Reason.BAD_VALUE,
            "head_count",
            withCount("attention.head_count_kv", 3)),
        refuses(
            "no heads",
            Reason.MISSING_KEY,
            "head_count",
            llama().remove("llama.attention.head_count")),
        refuses(
            "odd heads",
            Reason.BAD_VALUE,
            "embedding_length",
            withCount("attention.head_count", 3)),
        refuses(
            "odd rope", Reason.BAD_VALUE, "dimension_count", withCount("rope.dimension_count", 7)),
        refuses(
            "wide rope",
            Reason.BAD_VALUE,
            "dimension_count",
            withCount("rope.dimension_count", 32)),
        refuses(
            "huge value",
            Reason.BAD_VALUE,
            "embedding_length",
            withCount("embedding_length", 1 << 30)),
        refuses(
            "values unlike keys",
            Reason.UNSUPPORTED_FEATURE,
            "value_length",
            withCount("attention.value_length", 8)),
        refuses(
            "no context",
            Reason.MISSING_KEY,
            "context_length",
            llama().remove("llama.context_length")),
        refuses(
            "u8 of 0",
            Reason.BAD_VALUE,
            "context_length",
            llama().put("llama.context_length", u8(0))),
        refuses(
            "a part that is not named like one",
            Reason.BAD_PART,
            "built.gguf",
            llama()
                .put("split.count", u32(2))
                .put("split.tensors.count", u32(11))
                .put("split.no", u32(0))));
  }

  private static GgufBuilder withCount(String suffix, int value) {
    return llama().put("llama." + suffix, u32(value));
  }

  private static GgufBuilder withLayer(String tensor) {
    return llama().tensor(tensor, 0, 32, 64);
  }

  private static GgufBuilder iq4xs() {
    return llama()
        .put("llama.embedding_length", u32(256))
        .tensor("token_embd.weight", 0, 256, 8)
        .tensor("blk.0.attn_norm.weight", 0, 256)
        .tensor("blk.0.attn_q.weight", 23, 256, 256);
  }

  @TestFactory
  List<DynamicTest> numbersOfTheModel() {
    String epsilon = "llama.attention.layer_norm_rms_epsilon";
    String base = "llama.rope.freq_base";
    String type = "llama.rope.scaling.type";
    String factor = "llama.rope.scaling.factor";
    return List.of(
        refuses("NaN", Reason.BAD_VALUE, epsilon, llama().put(epsilon, f32(Float.NaN))),
        refuses("negative", Reason.BAD_VALUE, epsilon, llama().put(epsilon, f32(-1))),
        refuses("no float", Reason.WRONG_VALUE_TYPE, epsilon, llama().put(epsilon, u32(1))),
        refuses("infinite", Reason.BAD_VALUE, base, llama().put(base, f32(1f / 0f))),
        refuses("1e300", Reason.BAD_VALUE, base, llama().put(base, f64(1e300))),
        refuses("base 0", Reason.BAD_VALUE, base, llama().put(base, f32(0))),
        refuses("su", Reason.UNSUPPORTED_FEATURE, "'su'", llama().put(type, string("su"))),
        refuses(
            "longrope", Reason.UNSUPPORTED_FEATURE, type, llama().put(type, string("longrope"))),
        refuses("negative factor", Reason.BAD_VALUE, factor, llama().put(factor, f32(-2))),
        refuses("tiny factor", Reason.BAD_VALUE, factor, llama().put(factor, f32(1e-30f))));
  }

  @Test
  void linearRopeScalingIsRead() {
    String factor = "llama.rope.scaling.factor";
    GgufBuilder legacy = llama().put("llama.rope.scale_linear", f32(2));
    GgufBuilder none = llama().put(factor, f32(4)).put("llama.rope.scaling.type", string("none"));

    assertEquals(1, ModelDescription.of(llama().open()).rope().scale());
    assertEquals(4, ModelDescription.of(llama().put(factor, f32(4)).open()).rope().scale());
    assertEquals(2, ModelDescription.of(legacy.open()).rope().scale());
    assertEquals(1, ModelDescription.of(none.open()).rope().scale());
  }

  @TestFactory
  List<DynamicTest> vocabulary() {
    String tokens = "tokenizer.ggml.tokens";
    return List.of(
        refuses(
            "7 tokens", Reason.BAD_SHAPE, "token_embd", llama().put(tokens, strings(List.of("a")))),
        refuses(
            "no tokens", Reason.BAD_SHAPE, "token_embd", llama().put(tokens, strings(List.of()))),
        refuses("numbers", Reason.WRONG_VALUE_TYPE, tokens, llama().put(tokens, i32s(1, 2))),
        refuses("no vocabulary", Reason.MISSING_KEY, "vocab_size", llama().remove(tokens)),
        refuses(
            "another size",
            Reason.BAD_SHAPE,
            "token_embd",
            llama().remove(tokens).put("llama.vocab_size", u32(9))));
  }

  @Test
  void aFileCutAnywhereIsRefused() {
    MemorySegment whole = MemorySegment.ofArray(llama().build());
    Set<Reason> reasons = new TreeSet<>();

    for (long length = 0; length < whole.byteSize(); length += length < 2000 ? 1 : 61) {
      MemorySegment cut = whole.asSlice(0, length);
      reasons.add(assertThrows(GgufException.class, () -> GgufBuilder.open(cut)).reason());
    }

    assertEquals(Set.of(Reason.NOT_GGUF, Reason.TRUNCATED, Reason.TENSOR_OUT_OF_FILE), reasons);
  }

  @Test
  void aLimitIsReachedBeforeMemoryIsTaken() {
    GgufLimits small = new GgufLimits(100, 100, 64, 64, 100, 100, 2, 500);
    byte[] model = llama().build();

    GgufException e =
        assertThrows(
            GgufException.class,
            () -> GgufFile.of(Path.of("x"), MemorySegment.ofArray(model), small));

    assertEquals(Reason.LIMIT, e.reason());
  }

  @Test
  void messagesShowNoControlCharacters() {
    GgufFile file = llama().put("a\n\u001b[31m\u202e", bool(1)).open();

    String message =
        assertThrows(GgufException.class, () -> file.metadata().string("a\n\u001b[31m\u202e"))
            .getMessage();

    assertTrue(message.contains("'a��[31m�'"), message);
  }

  @Test
  void whatIsNoFileIsRefused(@TempDir Path directory) throws Exception {
    Path empty = Files.createFile(directory.resolve("empty.gguf"));

    assertEquals(Reason.IO, reasonOf(directory));
    assertEquals(Reason.IO, reasonOf(directory.resolve("absent.gguf")));
    assertEquals(Reason.IO, reasonOf(Path.of("/dev/zero")));
    assertEquals(Reason.NOT_GGUF, reasonOf(empty));
  }

  private static Reason reasonOf(Path path) {
    return assertThrows(GgufException.class, () -> GgufFile.open(path)).reason();
  }
}
