package dev.switchboard.executor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The libraries that come with NVIDIA's driver. The dynamic linker finds them by name, and a system
 * property names a file in its place. Nothing else opens them; their bindings find their functions
 * among what the class loader has loaded. Any thread.
 */
final class DriverLibrary {
  static final DriverLibrary CUDA = new DriverLibrary("libcuda.so", "switchboard.cuda-library");
  static final DriverLibrary NVML =
      new DriverLibrary("libnvidia-ml.so", "switchboard.nvml-library");

  private static final Path MAPS = Path.of("/proc/self/maps");

  private final String file;
  private final String property;
  private @Nullable String loaded;

  private DriverLibrary(String file, String property) {
    this.file = file;
    this.property = property;
  }

  /**
   * Loads it, unless it is. A driver that is installed later is found then.
   *
   * @return null, or why it cannot be used
   */
  synchronized @Nullable String load() {
    if (loaded != null) {
      return null;
    }
    try {
      String path = path();
      loadFile(path);
      loaded = path;
      return null;
    } catch (IllegalArgumentException | IOException | UnsatisfiedLinkError absent) {
      return soname() + ": " + absent.getMessage();
    }
  }

  /** The file it was loaded from; null while it is not. */
  synchronized @Nullable String file() {
    return loaded;
  }

  String soname() {
    return file + ".1";
  }

  // Native access is granted on the command line, with --enable-native-access.
  @SuppressWarnings("restricted")
  private static void loadFile(String path) {
    System.load(path);
  }

  /** The class loader wants a path, so the one that the linker chose is looked up. */
  @SuppressWarnings("restricted")
  private String path() throws IOException {
    String given = System.getProperty(property);
    if (given != null) {
      return Path.of(given).toAbsolutePath().toString();
    }
    Arena open = Arena.ofAuto();
    try {
      SymbolLookup.libraryLookup(soname(), open);
    } catch (IllegalArgumentException absent) {
      throw new IllegalArgumentException("not found", absent); // the JDK's text names it again
    }
    try (Stream<String> maps = Files.lines(MAPS)) {
      return maps.filter(line -> line.contains("/" + file))
          .map(line -> line.substring(line.indexOf('/')))
          .findFirst()
          .orElseThrow(() -> new IllegalArgumentException("open, and mapped nowhere"));
    }
  }
}
