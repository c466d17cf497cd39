package dev.switchboard.bench;

import dev.switchboard.gguf.TensorType;
import dev.switchboard.tokenizer.ByteAlphabet;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Writes a GGUF file of a real model's shape with random weights, about as large as trained ones so
 * that activations stay finite. The vocabulary is the 256 bytes, three control tokens and fillers.
 */
final class SyntheticModel {
  private static final int ALIGNMENT = 32;
  private static final long SEED = 1;

  /** The formats the engine computes with. */
  enum Format {
    F32,
    F16,
    BF16,
    Q8_0,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    IQ4_NL,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K;

    final TensorType type = TensorType.valueOf(name());

    static Format of(String name) {
      for (Format format : values()) {
        if (format.name().equals(name)) {
          return format;
        }
      }
      throw new IllegalArgumentException(
          "'" + name + "' is none of " + Arrays.toString(values()).replaceAll("[\\[,\\]]", ""));
    }

    /** What published files of this format use for the embedding and output layer. */
    Format outer() {
      return switch (this) {
        case Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL -> Q8_0;
        case Q2_K, Q3_K, Q4_K, Q5_K -> Q6_K;
        case F32, F16, BF16, Q8_0, Q6_K -> this;
      };
    }

    /** This format, or Q8_0 where rows are not whole blocks. */
    Format fit(int cols) {
      return cols % type.blockElements() == 0 ? this : Q8_0;
    }
  }

  private record Tensor(String name, Format format, int rows, int cols, double deviation) {
    long bytes() {
      return (long) rows * cols / format.type.blockElements() * format.type.blockBytes();
    }

    boolean norm() {
      return name.endsWith("norm.weight");
    }
  }

  private final ModelShape shape;
  private final Format format;
  private final ByteArrayOutputStream head = new ByteArrayOutputStream();
  private int keys;

  private SyntheticModel(ModelShape shape, Format format) {
    this.shape = shape;
    this.format = format;
  }

  /** The model's file under directory, written when it is not there yet. */
  static Path at(Path directory, ModelShape shape, Format format) throws IOException {
    Path file = directory.resolve(shape.label() + "-" + format + ".gguf");
    if (!Files.exists(file)) {
      Files.createDirectories(directory);
      Path partial = Files.createTempFile(directory, "writing", ".gguf");
      try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(partial), 1 << 20)) {
        new SyntheticModel(shape, format).write(out);
      }
      Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE);
    }
    return file;
  }

  private void write(OutputStream out) throws IOException {
    List<Tensor> tensors = tensors();
    metadata();
    byte[] start = new byte[24];
    littleEndian(start).putInt(0x46554747).putInt(3).putLong(tensors.size()).putLong(keys);
    out.write(start);
    long offset = 0;
    for (Tensor tensor : tensors) {
      text(tensor.name());
      boolean vector = tensor.rows() == 1;
      u32(vector ? 1 : 2);
      u64(tensor.cols());
      if (!vector) {
        u64(tensor.rows());
      }
      u32(tensor.format().type.id());
      u64(offset);
      offset += aligned(tensor.bytes());
    }
    out.write(head.toByteArray());
    pad(out, 24 + head.size());
    SplittableRandom random = new SplittableRandom(SEED);
    for (Tensor tensor : tensors) {
      weights(out, tensor, random);
      pad(out, tensor.bytes());
    }
  }

  private List<Tensor> tensors() {
    int dim = shape.dim();
    List<Tensor> tensors = new ArrayList<>();
    tensors.add(matrix("token_embd", format.outer(), shape.vocabulary(), dim, 0.02));
    for (int i = 0; i < shape.layers(); i++) {
      addAttention("blk." + i + ".", tensors);
      addFeedForward("blk." + i + ".", tensors);
    }
    tensors.add(vector("output_norm.weight", dim));
    if (!shape.tied()) {
      tensors.add(matrix("output", format.outer(), shape.vocabulary(), dim, Math.pow(dim, -0.5)));
    }
    return tensors;
  }

  private void addAttention(String layer, List<Tensor> tensors) {
    int dim = shape.dim();
    int heads = shape.heads() * shape.headDim();
    int kv = shape.kvHeads() * shape.headDim();
    double deviation = Math.pow(dim, -0.5);
    tensors.add(vector(layer + "attn_norm.weight", dim));
    if (shape.architecture().equals("phi3")) {
      tensors.add(matrix(layer + "attn_qkv", format, heads + 2 * kv, dim, deviation));
    } else {
      tensors.add(matrix(layer + "attn_q", format, heads, dim, deviation));
      tensors.add(matrix(layer + "attn_k", format, kv, dim, deviation));
      tensors.add(matrix(layer + "attn_v", format, kv, dim, deviation));
    }
    tensors.add(matrix(layer + "attn_output", format, dim, heads, deviation));
    switch (shape.architecture()) {
      case "qwen2" -> {
        tensors.add(vector(layer + "attn_q.bias", heads));
        tensors.add(vector(layer + "attn_k.bias", kv));
        tensors.add(vector(layer + "attn_v.bias", kv));
      }
      case "qwen3", "gemma3" -> {
        tensors.add(vector(layer + "attn_q_norm.weight", shape.headDim()));
        tensors.add(vector(layer + "attn_k_norm.weight", shape.headDim()));
      }
      default -> {}
    }
  }

  private void addFeedForward(String layer, List<Tensor> tensors) {
    int dim = shape.dim();
    int ffn = shape.ffn();
    double deviation = Math.pow(dim, -0.5);
    if (shape.architecture().equals("gemma3")) {
      tensors.add(vector(layer + "post_attention_norm.weight", dim));
      tensors.add(vector(layer + "post_ffw_norm.weight", dim));
    }
    tensors.add(vector(layer + "ffn_norm.weight", dim));
    if (shape.architecture().equals("phi3")) {
      tensors.add(matrix(layer + "ffn_up", format, 2 * ffn, dim, deviation));
    } else {
      tensors.add(matrix(layer + "ffn_gate", format, ffn, dim, deviation));
      tensors.add(matrix(layer + "ffn_up", format, ffn, dim, deviation));
    }
    tensors.add(matrix(layer + "ffn_down", format, dim, ffn, Math.pow(ffn, -0.5)));
  }

  private static Tensor matrix(String name, Format format, int rows, int cols, double deviation) {
    return new Tensor(name + ".weight", format.fit(cols), rows, cols, deviation);
  }

  private static Tensor vector(String name, int length) {
    return new Tensor(name, Format.F32, 1, length, 0.02);
  }

  private void metadata() {
    String arch = shape.architecture();
    string("general.architecture", arch);
    string("general.name", "random-" + shape.label() + "-" + format);
    number(arch + ".block_count", shape.layers());
    number(arch + ".context_length", shape.context());
    number(arch + ".embedding_length", shape.dim());
    number(arch + ".feed_forward_length", shape.ffn());
    number(arch + ".attention.head_count", shape.heads());
    number(arch + ".attention.head_count_kv", shape.kvHeads());
    number(arch + ".attention.key_length", shape.headDim());
    number(arch + ".attention.value_length", shape.headDim());
    number(arch + ".rope.dimension_count", shape.headDim());
    number(arch + ".vocab_size", shape.vocabulary());
    real(arch + ".attention.layer_norm_rms_epsilon", 1e-5f);
    real(arch + ".rope.freq_base", 1e4f);
    if (shape.window() > 0) {
      number(arch + ".attention.sliding_window", shape.window());
    }
    vocabulary();
  }

  private void vocabulary() {
    List<String> tokens = new ArrayList<>();
    for (int value = 0; value < 256; value++) {
      tokens.add(new String(ByteAlphabet.spelled(value), StandardCharsets.UTF_8));
    }
    tokens.addAll(List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>", "Aa"));
    int[] kinds = new int[shape.vocabulary()];
    for (int i = 0; i < kinds.length; i++) {
      kinds[i] = i < 256 || i == 259 ? 1 : i < 259 ? 3 : 5;
      if (i >= 260) {
        tokens.add("<filler" + i + ">");
      }
    }
    string("tokenizer.ggml.model", "gpt2");
    string("tokenizer.ggml.pre", shape.architecture().equals("llama") ? "smollm" : "qwen2");
    strings("tokenizer.ggml.tokens", tokens);
    integers("tokenizer.ggml.token_type", kinds);
    strings("tokenizer.ggml.merges", List.of("A a"));
    number("tokenizer.ggml.bos_token_id", 256);
    number("tokenizer.ggml.eos_token_id", 258);
    string(
        "tokenizer.chat_template",
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
            + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
  }

  private static void weights(OutputStream out, Tensor tensor, SplittableRandom random)
      throws IOException {
    int rowBytes = (int) (tensor.bytes() / tensor.rows());
    byte[] bytes = new byte[rowBytes];
    ByteBuffer row = littleEndian(bytes);
    for (int i = 0; i < tensor.rows(); i++) {
      row.clear();
      if (tensor.norm()) {
        ones(row);
      } else {
        random.nextBytes(bytes);
        scale(row, tensor.format(), tensor.deviation(), random);
      }
      out.write(bytes);
    }
  }

  private static void ones(ByteBuffer row) {
    while (row.hasRemaining()) {
      row.putFloat(1);
    }
  }

  /**
   * Turns random bytes into values of about the deviation: floats are drawn, block scales are set.
   */
  private static void scale(
      ByteBuffer row, Format format, double deviation, SplittableRandom random) {
    double uniform = deviation * Math.sqrt(3);
    for (int at = 0; at < row.capacity(); at += format.type.blockBytes()) {
      switch (format) {
        case F32 -> row.putFloat(at, (float) random.nextDouble(-uniform, uniform));
        case F16 -> half(row, at, random.nextDouble(-uniform, uniform));
        case BF16 -> {
          float value = (float) random.nextDouble(-uniform, uniform);
          row.putShort(at, (short) (Float.floatToRawIntBits(value) >>> 16));
        }
        case Q8_0 -> half(row, at, deviation / 73);
        case Q4_0 -> half(row, at, deviation / 4.6);
        case Q5_0 -> half(row, at, deviation / 9.2);
        case IQ4_NL -> half(row, at, deviation / 70);
        case Q4_1 -> {
          half(row, at, deviation / 4.6);
          half(row, at + 2, -deviation * 7.5 / 4.6);
        }
        case Q5_1 -> {
          half(row, at, deviation / 9.2);
          half(row, at + 2, -deviation * 15.5 / 9.2);
        }
        case Q2_K -> {
          half(row, at + 80, deviation / 10);
          half(row, at + 82, deviation / 7);
        }
        case Q3_K -> half(row, at + 108, deviation / 42);
        case Q4_K -> {
          half(row, at, deviation / 140);
          half(row, at + 2, deviation / 20);
        }
        case Q5_K -> {
          half(row, at, deviation / 280);
          half(row, at + 2, deviation / 20);
        }
        case Q6_K -> half(row, at + 208, deviation / 1300);
      }
    }
  }

  private static void half(ByteBuffer row, int at, double value) {
    row.putShort(at, Float.floatToFloat16((float) value));
  }

  // GGUF's primitives.

  private void key(String name, int type) {
    keys++;
    text(name);
    u32(type);
  }

  private void string(String name, String value) {
    key(name, 8);
    text(value);
  }

  private void number(String name, int value) {
    key(name, 4);
    u32(value);
  }

  private void real(String name, float value) {
    key(name, 6);
    u32(Float.floatToRawIntBits(value));
  }

  private void strings(String name, List<String> values) {
    key(name, 9);
    u32(8);
    u64(values.size());
    values.forEach(this::text);
  }

  private void integers(String name, int[] values) {
    key(name, 9);
    u32(5);
    u64(values.length);
    for (int value : values) {
      u32(value);
    }
  }

  private void text(String value) {
    byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
    u64(bytes.length);
    head.writeBytes(bytes);
  }

  private void u32(int value) {
    byte[] bytes = new byte[4];
    littleEndian(bytes).putInt(value);
    head.writeBytes(bytes);
  }

  private void u64(long value) {
    byte[] bytes = new byte[8];
    littleEndian(bytes).putLong(value);
    head.writeBytes(bytes);
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static void pad(OutputStream out, long written) throws IOException {
    out.write(new byte[(int) (aligned(written) - written)]);
  }
}
