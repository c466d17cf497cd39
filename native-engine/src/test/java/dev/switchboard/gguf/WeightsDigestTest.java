package dev.switchboard.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class WeightsDigestTest {
  private static final GgufTensor A = tensor("a", 4, 1, 2, 3, 4);
  private static final GgufTensor B = tensor("b", 2, 1, 2, 3, 5);

  private static GgufTensor tensor(String name, long columns, int... values) {
    MemorySegment data = Arena.ofAuto().allocate(4L * values.length);
    for (int i = 0; i < values.length; i++) {
      data.setAtIndex(ValueLayout.JAVA_INT, i, values[i]);
    }
    List<Long> dims = List.of(columns, values.length / columns);
    return new GgufTensor(name, TensorType.F32, dims, values.length, data.asReadOnly());
  }

  @Test
  void theOrderInTheFileDoesNotCount() {
    assertEquals(WeightsDigest.of(List.of(A, B)), WeightsDigest.of(List.of(B, A)));
  }

  @Test
  void everyByteNameAndSizeCounts() {
    int digest = WeightsDigest.of(List.of(A, B));

    assertNotEquals(digest, WeightsDigest.of(List.of(A, tensor("b", 2, 1, 2, 3, 6))));
    assertNotEquals(digest, WeightsDigest.of(List.of(A, tensor("c", 2, 1, 2, 3, 5))));
    assertNotEquals(digest, WeightsDigest.of(List.of(A, tensor("b", 4, 1, 2, 3, 5))));
    assertNotEquals(
        digest, WeightsDigest.of(List.of(tensor("a", 4, 1, 2, 3, 5), tensor("b", 2, 1, 2, 3, 4))));
    assertNotEquals(digest, WeightsDigest.of(List.of(A)));
  }
}
