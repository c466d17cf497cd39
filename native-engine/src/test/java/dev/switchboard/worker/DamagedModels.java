package dev.switchboard.worker;

import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.GgufTensor;
import dev.switchboard.timeline.EpochClock;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.ToIntFunction;

/** Copies of the demonstration model with other weights. */
final class DamagedModels {
  static final Path DEMO =
      Path.of(
          System.getProperty("switchboard.home", ""),
          "native-engine/demo-model/switchboard-demo.gguf");

  private DamagedModels() {}

  /**
   * A copy in which a tensor's first block has this scale, or its first element this value.
   *
   * @param bits of a half for quantised blocks and halves, of a float for floats
   */
  static Path copy(Path folder, String tensor, ToIntFunction<GgufTensor> bits) throws IOException {
    return copy(folder, tensor, 1, bits);
  }

  /** The same of its first blocks. */
  static Path copy(Path folder, String tensor, int blocks, ToIntFunction<GgufTensor> bits)
      throws IOException {
    Path copy = Files.copy(DEMO, folder.resolve(tensor + ".gguf"));
    try (GgufFile file = GgufFile.open(DEMO);
        FileChannel out = FileChannel.open(copy, StandardOpenOption.WRITE)) {
      GgufTensor damaged = file.tensor(tensor);
      if (damaged == null) {
        throw new IllegalArgumentException(tensor);
      }
      long end =
          file.tensors().stream()
              .mapToLong(each -> each.data().address() + each.data().byteSize())
              .max()
              .orElseThrow();
      long begin = out.size() - (end - damaged.data().address());
      int bytes = scaleBytes(damaged);
      for (int block = 0; block < blocks; block++) {
        ByteBuffer value = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
        value.putInt(bits.applyAsInt(damaged)).flip().limit(bytes);
        out.write(value, begin + (long) block * damaged.type().blockBytes() + scaleAt(damaged));
      }
    }
    return copy;
  }

  private static int scaleAt(GgufTensor tensor) {
    return switch (tensor.type()) {
      case Q6_K -> 208;
      case Q2_K -> 80;
      case Q3_K -> 108;
      default -> 0;
    };
  }

  private static int scaleBytes(GgufTensor tensor) {
    return switch (tensor.type()) {
      case F32 -> 4;
      default -> 2;
    };
  }

  /** Of such a file, as small as a worker can be. */
  static ModelLoader loader(Path file) {
    ModelOptions options = SmallOptions.of(file, 1, null, KvMemory.parse("8MiB"), null);
    return new ModelLoader(options, EpochClock.system(), (done, total) -> {});
  }
}
