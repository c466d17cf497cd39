package dev.switchboard.descriptors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class OpenFilesTest {
  private static int limit(String soft) {
    return OpenFiles.limit(
        List.of(
            "Limit                     Soft Limit           Hard Limit           Units     ",
            "Max open files            "
                + soft
                + "                 4096                 files     ",
            "Max locked memory         65536                65536                bytes     "));
  }

  @Test
  void theSoftLimitCounts() {
    assertEquals(1024, limit("1024"));
    assertEquals(Integer.MAX_VALUE, limit("99999999999"));
  }

  @Test
  void noLimitIsALargeOne() {
    assertEquals(Integer.MAX_VALUE, limit("unlimited"));
    assertEquals(Integer.MAX_VALUE, OpenFiles.limit(List.of()));
  }

  @Test
  void thisProcessHasSomeOpenAndRoomForMore() {
    OpenFiles now = OpenFiles.now();

    assertTrue(now.open() > 0, now::toString);
    assertTrue(now.room(0) > 0, now::toString);
    assertEquals(now.room(0) - 10, now.room(10));
  }
}
