package dev.switchboard.executor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A driver's libraries with the devices that a test describes, built from {@code src/test/drivers}
 * once per JVM. This JVM and processes that it starts with {@link #options} use them in the place
 * of the machine's.
 */
public final class FakeDriver {
  private static final Path FOLDER = build();

  private FakeDriver() {}

  /** Describes the devices by lines of {@code devices.conf}; what is left out has defaults. */
  public static void set(String... lines) {
    try {
      Files.write(FOLDER.resolve("devices.conf"), List.of(lines));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    options().forEach(FakeDriver::setProperty);
  }

  private static void setProperty(String option) {
    String[] parts = option.substring(2).split("=", 2);
    System.setProperty(parts[0], parts[1]);
  }

  /** Options of a JVM that uses it. */
  public static List<String> options() {
    return List.of(
        "-Dswitchboard.cuda-library=" + FOLDER.resolve("libcuda.so.1"),
        "-Dswitchboard.nvml-library=" + FOLDER.resolve("libnvidia-ml.so.1"));
  }

  /** Options of a JVM on a machine that has none. */
  public static List<String> absent() {
    return List.of(
        "-Dswitchboard.cuda-library=" + FOLDER.resolve("absent/libcuda.so.1"),
        "-Dswitchboard.nvml-library=" + FOLDER.resolve("absent/libnvidia-ml.so.1"));
  }

  private static Path build() {
    try {
      Path folder = Files.createTempDirectory("fake-driver");
      Path sources =
          Path.of(System.getProperty("switchboard.home", ""), "native-engine/src/test/drivers");
      compile(sources.resolve("fake_cuda.c"), folder.resolve("libcuda.so.1"));
      compile(sources.resolve("fake_nvml.c"), folder.resolve("libnvidia-ml.so.1"));
      Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(folder)));
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void compile(Path source, Path library) throws IOException, InterruptedException {
    List<String> command =
        List.of(
            "cc",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-shared",
            "-fPIC",
            "-o",
            library.toString(),
            source.toString());
    Process compiler = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (compiler.waitFor() != 0) {
      throw new IllegalStateException(source + " was not compiled: " + said);
    }
  }

  private static void delete(Path folder) {
    try {
      for (String file : List.of("devices.conf", "libcuda.so.1", "libnvidia-ml.so.1")) {
        Files.deleteIfExists(folder.resolve(file));
      }
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
