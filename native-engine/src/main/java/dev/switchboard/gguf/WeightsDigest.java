package dev.switchboard.gguf;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * A number of all that a model's tensors are: names, types, sizes and every byte. It tells models
 * of the same name and shape apart, as one that was trained further from what it was before; not
 * from one that somebody made to have the same. A core reads some gigabytes a second.
 */
public final class WeightsDigest {
  private static final long PIECE = 64 << 20;

  private WeightsDigest() {}

  /** The same for the same tensors in any order. */
  public static int of(Collection<GgufTensor> tensors) {
    List<byte[]> each =
        tensors.stream().sorted(Comparator.comparing(GgufTensor::name)).toList().parallelStream()
            .map(WeightsDigest::describe)
            .toList();
    CRC32C all = new CRC32C();
    each.forEach(all::update);
    return (int) all.getValue();
  }

  private static byte[] describe(GgufTensor tensor) {
    String head = tensor.name() + '\n' + tensor.type() + '\n' + tensor.dims() + '\n';
    byte[] named = head.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(named.length + Integer.BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(named)
        .putInt(bytes(tensor.data()))
        .array();
  }

  private static int bytes(MemorySegment data) {
    CRC32C crc = new CRC32C();
    for (long at = 0; at < data.byteSize(); at += PIECE) {
      crc.update(data.asSlice(at, Math.min(PIECE, data.byteSize() - at)).asByteBuffer());
    }
    return (int) crc.getValue();
  }
}
