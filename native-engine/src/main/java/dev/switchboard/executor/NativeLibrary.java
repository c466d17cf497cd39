package dev.switchboard.executor;

import dev.switchboard.executor.ExecutorException.Status;
import dev.switchboard.executor.binding.Switchboard;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * libswitchboard, loaded once per process from the path in the system property {@code
 * switchboard.library}, and its errors as exceptions.
 */
final class NativeLibrary {
  private static final String PROPERTY = "switchboard.library";

  private NativeLibrary() {}

  /** Loads it, or throws {@code unsupported} with what is wrong with the file. */
  static void load() {
    try {
      Loaded.touch();
    } catch (ExceptionInInitializerError e) {
      throw unsupported(e.getCause() == null ? e : e.getCause());
    } catch (NoClassDefFoundError e) {
      throw unsupported(e);
    }
  }

  private static ExecutorException unsupported(Throwable cause) {
    ExecutorException exception =
        new ExecutorException(Status.UNSUPPORTED, String.valueOf(cause.getMessage()));
    exception.initCause(cause);
    return exception;
  }

  /** Throws when a call's status is not OK. */
  static void check(int status) {
    if (status != Switchboard.SB_OK()) {
      throw error(status, -1, -1);
    }
  }

  /** The calling thread's last error. */
  static ExecutorException error(int status, int stage, int rank) {
    return new ExecutorException(Status.of(status), lastError(), stage, rank);
  }

  private static String lastError() {
    return Switchboard.sb_last_error().getString(0);
  }

  /** Its initialisation is the load: once, by whoever comes first. */
  private static final class Loaded {
    static {
      Path library = path();
      load(library);
      int version = Switchboard.sb_abi_version();
      if (version != Switchboard.SB_ABI_VERSION()) {
        throw new IllegalStateException(
            library
                + " has ABI version "
                + version
                + ", this program needs "
                + Switchboard.SB_ABI_VERSION());
      }
    }

    private static Path path() {
      String path = System.getProperty(PROPERTY);
      if (path == null) {
        throw new IllegalStateException("the system property " + PROPERTY + " is not set");
      }
      Path library = Path.of(path).toAbsolutePath();
      if (!Files.isRegularFile(library)) {
        throw new IllegalStateException(PROPERTY + " names no file: " + library);
      }
      return library;
    }

    // Native access is granted on the command line, with --enable-native-access.
    @SuppressWarnings("restricted")
    private static void load(Path library) {
      System.load(library.toString());
    }

    private Loaded() {}

    static void touch() {}
  }
}
