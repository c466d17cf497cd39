package dev.switchboard.gateway;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A page of this module that is made from its code, and lies in the repository to be read. */
public final class GeneratedPage {
  private static final Path MODULE =
      Path.of(System.getProperty("switchboard.home", ".."), "gateway");

  private GeneratedPage() {}

  /**
   * Fails where the page in the repository is another one, and leaves the fresh one to be copied.
   */
  public static void assertCurrent(String name, String page) throws IOException {
    Path fresh = Files.createDirectories(MODULE.resolve("target")).resolve(name);
    Files.writeString(fresh, page);

    assertEquals(
        page,
        Files.readString(MODULE.resolve(name)),
        "stale: cp gateway/target/" + name + " gateway/" + name);
  }
}
