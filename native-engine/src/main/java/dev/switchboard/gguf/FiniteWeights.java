package dev.switchboard.gguf;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Looks for weights that are NaN or infinite: of quantised blocks at their scales, which are all
 * that can be. A damaged row of an embedding shows in no warm-up that does not read its token, so
 * all weights are looked at; a core reads some gigabytes a second.
 */
public final class FiniteWeights {
  private static final int FLOAT_EXPONENT = 0x7f800000;
  private static final int HALF_EXPONENT = 0x7c00;
  private static final int BRAIN_EXPONENT = 0x7f80;

  private FiniteWeights() {}

  /** The first tensor with such a value, and where; null where there is none. */
  public static @Nullable String firstNotFinite(Collection<GgufTensor> tensors) {
    Optional<String> found =
        List.copyOf(tensors).parallelStream().flatMap(t -> look(t).stream()).findFirst();
    return found.orElse(null);
  }

  private static Optional<String> look(GgufTensor tensor) {
    for (int offset : scales(tensor.type())) {
      long block = firstBlock(tensor, offset);
      if (block >= 0) {
        long element = block * tensor.type().blockElements();
        return Optional.of(
            "tensor '%s' (%s) has a value that is not finite at element %d"
                .formatted(tensor.name(), tensor.type(), element));
      }
    }
    return Optional.empty();
  }

  /** Where in a block its floating-point numbers stand; none of types that have none. */
  private static int[] scales(TensorType type) {
    return switch (type) {
      case F32, F16, BF16, Q4_0, Q5_0, Q8_0, IQ4_NL -> new int[] {0};
      case Q4_1, Q5_1, Q4_K, Q5_K -> new int[] {0, 2};
      case Q2_K -> new int[] {80, 82};
      case Q3_K -> new int[] {108};
      case Q6_K -> new int[] {208};
      default -> new int[0];
    };
  }

  private static long firstBlock(GgufTensor tensor, int offset) {
    MemorySegment data = tensor.data();
    int step = tensor.type().blockBytes();
    return switch (tensor.type()) {
      case F32 -> firstFloat(data);
      case BF16 -> firstHalf(data, offset, step, BRAIN_EXPONENT);
      default -> firstHalf(data, offset, step, HALF_EXPONENT);
    };
  }

  private static long firstFloat(MemorySegment data) {
    for (long at = 0; at + 4 <= data.byteSize(); at += 4) {
      if ((data.get(JAVA_INT_UNALIGNED, at) & FLOAT_EXPONENT) == FLOAT_EXPONENT) {
        return at / 4;
      }
    }
    return -1;
  }

  private static long firstHalf(MemorySegment data, int offset, int step, int exponent) {
    for (long at = offset; at + 2 <= data.byteSize(); at += step) {
      if ((data.get(JAVA_SHORT_UNALIGNED, at) & exponent) == exponent) {
        return at / step;
      }
    }
    return -1;
  }
}
