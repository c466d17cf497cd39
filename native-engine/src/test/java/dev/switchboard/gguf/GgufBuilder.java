package dev.switchboard.gguf;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes GGUF files for tests, right ones and wrong ones: any field can be given a value that does
 * not fit the others.
 */
public final class GgufBuilder {
  private final List<Entry> entries = new ArrayList<>();
  private final List<Tensor> tensors = new ArrayList<>();
  private final Map<String, byte[]> contents = new HashMap<>();
  private byte[] entriesBefore = {};
  private long entriesBeforeCount;
  private int magic = 0x46554747;
  private int version = 3;
  private @Nullable Long tensorCount;
  private @Nullable Long entryCount;
  private int alignment = 32;
  private long dataBytes = -1;

  /** A value as the file holds it: its type and its bytes. */
  public record Value(int type, byte[] payload) {}

  private record Entry(byte[] key, Value value) {}

  private record Tensor(byte[] name, int type, long[] dims, long offset) {
    static final long NEXT = Long.MIN_VALUE;
  }

  public static Value u8(int value) {
    return new Value(0, new byte[] {(byte) value});
  }

  public static Value u16(int value) {
    return new Value(2, little(value, 2));
  }

  public static Value u32(long value) {
    return new Value(4, little(value, 4));
  }

  public static Value i32(int value) {
    return new Value(5, little(value, 4));
  }

  public static Value u64(long value) {
    return new Value(10, little(value, 8));
  }

  public static Value f32(float value) {
    return new Value(6, little(Float.floatToRawIntBits(value), 4));
  }

  public static Value f64(double value) {
    return new Value(12, little(Double.doubleToRawLongBits(value), 8));
  }

  public static Value bool(int value) {
    return new Value(7, new byte[] {(byte) value});
  }

  public static Value string(String value) {
    return new Value(8, text(utf8(value)));
  }

  public static Value rawString(long length, byte[] bytes) {
    return new Value(8, join(little(length, 8), bytes));
  }

  /** An array whose header says what it likes. */
  public static Value array(int elementType, long count, byte[]... payload) {
    byte[] header = join(little(elementType, 4), little(count, 8));
    return new Value(9, join(header, join(payload)));
  }

  public static Value strings(List<String> values) {
    byte[][] all = values.stream().map(v -> text(utf8(v))).toArray(byte[][]::new);
    return array(8, values.size(), all);
  }

  public static Value i32s(int... values) {
    byte[][] all = Arrays.stream(values).mapToObj(v -> little(v, 4)).toArray(byte[][]::new);
    return array(5, values.length, all);
  }

  public static Value f32s(float... values) {
    byte[][] all = new byte[values.length][];
    for (int i = 0; i < all.length; i++) {
      all[i] = little(Float.floatToRawIntBits(values[i]), 4);
    }
    return array(6, values.length, all);
  }

  /** A valid one-layer model of 8 tokens in F32: every file the tests break starts as this one. */
  public static GgufBuilder llama() {
    GgufBuilder builder =
        new GgufBuilder()
            .put("general.architecture", string("llama"))
            .put("general.name", string("built"))
            .put("llama.block_count", u32(1))
            .put("llama.context_length", u32(64))
            .put("llama.embedding_length", u32(32))
            .put("llama.feed_forward_length", u32(64))
            .put("llama.attention.head_count", u32(2))
            .put("llama.attention.head_count_kv", u32(1))
            .put("llama.attention.layer_norm_rms_epsilon", f32(1e-5f))
            .put("tokenizer.ggml.model", string("llama"))
            .put(
                "tokenizer.ggml.tokens",
                strings(List.of("<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁ab")))
            .put("tokenizer.ggml.scores", f32s(0, 0, 0, -1, -2, -3, -4, -5))
            .put("tokenizer.ggml.token_type", i32s(2, 3, 3, 1, 1, 1, 1, 1));
    return builder
        .tensor("token_embd.weight", 0, 32, 8)
        .tensor("blk.0.attn_norm.weight", 0, 32)
        .tensor("blk.0.attn_q.weight", 0, 32, 32)
        .tensor("blk.0.attn_k.weight", 0, 32, 16)
        .tensor("blk.0.attn_v.weight", 0, 32, 16)
        .tensor("blk.0.attn_output.weight", 0, 32, 32)
        .tensor("blk.0.ffn_norm.weight", 0, 32)
        .tensor("blk.0.ffn_gate.weight", 0, 32, 64)
        .tensor("blk.0.ffn_up.weight", 0, 32, 64)
        .tensor("blk.0.ffn_down.weight", 0, 64, 32)
        .tensor("output_norm.weight", 0, 32);
  }

  /** Like {@link #llama}, of an architecture that has the same tensors and then some. */
  public static GgufBuilder like(String architecture) {
    GgufBuilder builder = llama();
    for (int i = 0; i < builder.entries.size(); i++) {
      Entry entry = builder.entries.get(i);
      String key = new String(entry.key, StandardCharsets.UTF_8);
      if (key.startsWith("llama.")) {
        byte[] renamed = utf8(architecture + key.substring("llama".length()));
        builder.entries.set(i, new Entry(renamed, entry.value));
      }
    }
    return builder.put("general.architecture", string(architecture));
  }

  /** A valid Gemma 3. */
  public static GgufBuilder gemma3() {
    return like("gemma3")
        .tensor("blk.0.attn_q_norm.weight", 0, 16)
        .tensor("blk.0.attn_k_norm.weight", 0, 16)
        .tensor("blk.0.post_attention_norm.weight", 0, 32)
        .tensor("blk.0.post_ffw_norm.weight", 0, 32);
  }

  /** A valid Phi-3 with its matrices fused and both sets of factors. */
  public static GgufBuilder phi3() {
    return like("phi3")
        .put("phi3.rope.scaling.original_context_length", u32(32))
        .removeTensor("blk.0.attn_q.weight")
        .removeTensor("blk.0.attn_k.weight")
        .removeTensor("blk.0.attn_v.weight")
        .removeTensor("blk.0.ffn_gate.weight")
        .tensor("blk.0.attn_qkv.weight", 0, 32, 64)
        .tensor("blk.0.ffn_up.weight", 0, 32, 128)
        .tensor("rope_factors_long.weight", 0, 8)
        .tensor("rope_factors_short.weight", 0, 8);
  }

  /** A valid BERT without biases. */
  public static GgufBuilder bert() {
    return like("bert")
        .remove("bert.attention.layer_norm_rms_epsilon")
        .put("bert.attention.layer_norm_epsilon", f32(1e-12f))
        .put("bert.attention.causal", bool(0))
        .put("bert.pooling_type", u32(2))
        .removeTensor("blk.0.attn_norm.weight")
        .removeTensor("blk.0.ffn_norm.weight")
        .removeTensor("blk.0.ffn_gate.weight")
        .removeTensor("output_norm.weight")
        .tensor("position_embd.weight", 0, 32, 64)
        .tensor("token_types.weight", 0, 32, 2)
        .tensor("token_embd_norm.weight", 0, 32)
        .tensor("token_embd_norm.bias", 0, 32)
        .tensor("blk.0.attn_output_norm.weight", 0, 32)
        .tensor("blk.0.attn_output_norm.bias", 0, 32)
        .tensor("blk.0.layer_output_norm.weight", 0, 32)
        .tensor("blk.0.layer_output_norm.bias", 0, 32);
  }

  /** A BERT that ranks. */
  public static GgufBuilder ranker() {
    return bert()
        .put("bert.pooling_type", u32(4))
        .tensor("cls.weight", 0, 32, 32)
        .tensor("cls.bias", 0, 32)
        .tensor("cls.output.weight", 0, 32, 1)
        .tensor("cls.output.bias", 0, 1);
  }

  /** Sets a key, in the place it already has. */
  public GgufBuilder put(String key, Value value) {
    Entry entry = new Entry(utf8(key), value);
    for (int i = 0; i < entries.size(); i++) {
      if (Arrays.equals(entries.get(i).key, entry.key)) {
        entries.set(i, entry);
        return this;
      }
    }
    entries.add(entry);
    return this;
  }

  /** Adds an entry even if the key is there already. */
  public GgufBuilder add(byte[] key, Value value) {
    entries.add(new Entry(key, value));
    return this;
  }

  /** Entries as another file has them, before all others. */
  public GgufBuilder entries(long count, byte[] bytes) {
    entriesBeforeCount = count;
    entriesBefore = bytes;
    return this;
  }

  public GgufBuilder remove(String key) {
    entries.removeIf(entry -> Arrays.equals(entry.key, utf8(key)));
    return this;
  }

  /** Sets a tensor, in the place it already has; it lies behind the one before it. */
  public GgufBuilder tensor(String name, int type, long... dims) {
    return tensorAt(Tensor.NEXT, name, type, dims);
  }

  /** A tensor with what is in it; without, it is zeros. */
  public GgufBuilder tensor(String name, int type, byte[] data, long... dims) {
    contents.put(name, data);
    return tensor(name, type, dims);
  }

  public GgufBuilder tensorAt(long offset, String name, int type, long... dims) {
    Tensor tensor = new Tensor(utf8(name), type, dims, offset);
    for (int i = 0; i < tensors.size(); i++) {
      if (Arrays.equals(tensors.get(i).name, tensor.name)) {
        tensors.set(i, tensor);
        return this;
      }
    }
    tensors.add(tensor);
    return this;
  }

  /** Adds the tensors of the first layer once more, as those of this one. */
  public GgufBuilder copyLayer(int layer) {
    for (Tensor tensor : List.copyOf(tensors)) {
      String name = new String(tensor.name, StandardCharsets.UTF_8);
      if (name.startsWith("blk.0.")) {
        tensor(name.replace("blk.0.", "blk." + layer + "."), tensor.type, tensor.dims);
      }
    }
    return this;
  }

  /** Adds a tensor even if the name is there already. */
  public GgufBuilder addTensor(byte[] name, int type, long... dims) {
    tensors.add(new Tensor(name, type, dims, Tensor.NEXT));
    return this;
  }

  public GgufBuilder removeTensor(String name) {
    tensors.removeIf(tensor -> Arrays.equals(tensor.name, utf8(name)));
    return this;
  }

  public GgufBuilder magic(int value) {
    magic = value;
    return this;
  }

  public GgufBuilder version(int value) {
    version = value;
    return this;
  }

  public GgufBuilder counts(long tensorsClaimed, long entriesClaimed) {
    tensorCount = tensorsClaimed;
    entryCount = entriesClaimed;
    return this;
  }

  /** Lays tensors out at multiples of this, and says so. */
  public GgufBuilder alignment(int value) {
    alignment = value;
    return put("general.alignment", u32(value));
  }

  /** Length of the data section, whatever the tensors need. */
  public GgufBuilder dataBytes(long value) {
    dataBytes = value;
    return this;
  }

  public byte[] build() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(little(magic, 4));
    out.writeBytes(little(version, 4));
    out.writeBytes(little(tensorCount == null ? tensors.size() : tensorCount, 8));
    long given = entriesBeforeCount + entries.size();
    out.writeBytes(little(entryCount == null ? given : entryCount, 8));
    out.writeBytes(entriesBefore);
    for (Entry entry : entries) {
      out.writeBytes(text(entry.key));
      out.writeBytes(little(entry.value.type, 4));
      out.writeBytes(entry.value.payload);
    }
    long end = 0;
    long[] offsets = new long[tensors.size()];
    for (int i = 0; i < offsets.length; i++) {
      Tensor tensor = tensors.get(i);
      offsets[i] = tensor.offset == Tensor.NEXT ? align(end) : tensor.offset;
      end = Math.max(end, offsets[i] + bytes(tensor));
      writeInfo(out, tensor, offsets[i]);
    }
    if (!tensors.isEmpty()) {
      out.writeBytes(new byte[(int) (align(out.size()) - out.size())]);
      out.writeBytes(data(offsets, end));
    }
    return out.toByteArray();
  }

  /** So large a file as the tensors need, but for claims that nobody could write. */
  private byte[] data(long[] offsets, long end) {
    long most = contents.isEmpty() ? 1 << 20 : end;
    byte[] data = new byte[(int) (dataBytes >= 0 ? dataBytes : Math.min(end, most))];
    for (int i = 0; i < offsets.length; i++) {
      byte[] given = contents.get(new String(tensors.get(i).name, StandardCharsets.UTF_8));
      if (given != null) {
        System.arraycopy(given, 0, data, (int) offsets[i], given.length);
      }
    }
    return data;
  }

  /** The file, opened. */
  public GgufFile open() {
    return open(build());
  }

  public static GgufFile open(byte[] bytes) {
    return open(MemorySegment.ofArray(bytes));
  }

  public static GgufFile open(MemorySegment bytes) {
    return GgufFile.of(Path.of("built.gguf"), bytes, GgufLimits.DEFAULT);
  }

  private static void writeInfo(ByteArrayOutputStream out, Tensor tensor, long offset) {
    out.writeBytes(text(tensor.name));
    out.writeBytes(little(tensor.dims.length, 4));
    Arrays.stream(tensor.dims).forEach(dim -> out.writeBytes(little(dim, 8)));
    out.writeBytes(little(tensor.type, 4));
    out.writeBytes(little(offset, 8));
  }

  private static long bytes(Tensor tensor) {
    TensorType type = TensorType.byId(tensor.type);
    long elements = Arrays.stream(tensor.dims).reduce(1, (a, b) -> a * b);
    return type == null ? elements : elements / type.blockElements() * type.blockBytes();
  }

  private long align(long value) {
    return (value + alignment - 1) / alignment * alignment;
  }

  private static byte[] text(byte[] bytes) {
    return join(little(bytes.length, 8), bytes);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] join(byte[]... parts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }

  private static byte[] little(long value, int bytes) {
    byte[] out = new byte[bytes];
    for (int i = 0; i < bytes; i++) {
      out[i] = (byte) (value >> (8 * i));
    }
    return out;
  }
}
