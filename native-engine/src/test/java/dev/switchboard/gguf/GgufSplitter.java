package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufBuilder.i32;
import static dev.switchboard.gguf.GgufBuilder.u16;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Writes a model's file in parts, as llama.cpp's tool does: the first has all metadata. */
public final class GgufSplitter {
  private static final int COUNTS_END = 24;
  private static final int KEY_COUNT_AT = 16;

  private GgufSplitter() {}

  /**
   * Each part has nearly as many tensors, in the order of the file.
   *
   * @return the first part
   */
  public static Path split(Path whole, int parts, Path folder) throws IOException {
    String name = String.valueOf(whole.getFileName()).replace(".gguf", "");
    try (GgufFile file = GgufFile.open(whole)) {
      List<GgufTensor> tensors = List.copyOf(file.tensors());
      for (int part = 0; part < parts; part++) {
        GgufBuilder builder = new GgufBuilder();
        if (part == 0) {
          copyMetadata(Files.readAllBytes(whole), tensors.getFirst().name(), builder);
        }
        builder
            .put("split.no", u16(part))
            .put("split.count", u16(parts))
            .put("split.tensors.count", i32(tensors.size()));
        int begin = tensors.size() * part / parts;
        int end = tensors.size() * (part + 1) / parts;
        tensors.subList(begin, end).forEach(tensor -> add(tensor, builder));
        Files.write(folder.resolve(name(name, part, parts)), builder.build());
      }
    }
    return folder.resolve(name(name, 0, parts));
  }

  private static String name(String model, int part, int parts) {
    return "%s-%05d-of-%05d.gguf".formatted(model, part + 1, parts);
  }

  /** As it stands: it ends where the entry of the first tensor begins, which is a text. */
  private static void copyMetadata(byte[] file, String firstTensor, GgufBuilder builder) {
    byte[] name = firstTensor.getBytes(StandardCharsets.UTF_8);
    ByteBuffer entry = ByteBuffer.allocate(8 + name.length).order(ByteOrder.LITTLE_ENDIAN);
    byte[] wanted = entry.putLong(name.length).put(name).array();
    int end = COUNTS_END;
    while (!Arrays.equals(wanted, 0, wanted.length, file, end, end + wanted.length)) {
      end++;
    }
    long keys = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(KEY_COUNT_AT);
    builder.entries(keys, Arrays.copyOfRange(file, COUNTS_END, end));
  }

  private static void add(GgufTensor tensor, GgufBuilder builder) {
    long[] dims = tensor.dims().stream().mapToLong(dim -> dim).toArray();
    byte[] data = tensor.data().toArray(ValueLayout.JAVA_BYTE);
    builder.tensor(tensor.name(), tensor.type().id(), data, dims);
  }
}
