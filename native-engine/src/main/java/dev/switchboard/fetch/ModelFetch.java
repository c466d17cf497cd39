package dev.switchboard.fetch;

import dev.switchboard.fetch.FetchException.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Downloads one file, so that under its name there is either nothing or all of it with the right
 * sum.
 *
 * <p>Bytes go to a file beside the target, which a later attempt, also one of another process, goes
 * on with. When its sum is right it is written to the disk and then renamed. A file that is there
 * already with the right sum is left alone; one with another sum is replaced at the end. Who comes
 * while another process downloads waits for it and then finds the file.
 */
public final class ModelFetch {
  private static final int CHUNK = 1 << 20;
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);
  private static final int REPORTS = 20;

  /** How it ended. */
  public enum Outcome {
    ALREADY_THERE,
    FETCHED
  }

  /** Waits between attempts. */
  @FunctionalInterface
  public interface Pause {
    void of(Duration length) throws InterruptedException;
  }

  private final FetchOrder order;
  private final HttpSource source;
  private final Consumer<String> log;
  private final Pause pause;
  private final byte[] chunk = new byte[CHUNK];

  public ModelFetch(FetchOrder order, Consumer<String> log, Pause pause) {
    this.order = order;
    this.source = new HttpSource(order);
    this.log = log;
    this.pause = pause;
  }

  public Outcome run() throws FetchException, InterruptedException {
    try {
      if (there()) {
        return Outcome.ALREADY_THERE;
      }
      Files.createDirectories(order.to().getParent());
      try (FileChannel lock =
              FileChannel.open(order.lock(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          FileLock held = hold(lock)) {
        if (!held.isValid() || there()) {
          return Outcome.ALREADY_THERE;
        }
        fetch();
        return Outcome.FETCHED;
      }
    } catch (IOException failed) {
      throw new FetchException(
          Reason.CANNOT_WRITE, "cannot write " + order.to() + ": " + failed, failed);
    }
  }

  private boolean there() throws IOException {
    if (!Files.isRegularFile(order.to())) {
      return false;
    }
    MessageDigest digest = sha256();
    digestFile(order.to(), digest);
    boolean right = sum(digest).equals(order.sha256());
    if (!right) {
      log.accept(order.to() + " has another sum than is asked for, and is replaced");
    }
    return right;
  }

  private FileLock hold(FileChannel lock) throws IOException {
    FileLock held = lock.tryLock();
    if (held != null) {
      return held;
    }
    log.accept("another process downloads " + order.to() + "; waiting for it");
    return lock.lock();
  }

  private void fetch() throws IOException, FetchException, InterruptedException {
    boolean resumed = Files.exists(order.partial());
    if (complete()) {
      return;
    }
    // What was there before may be of another version of the file; a second try is all of one.
    if (!resumed) {
      throw wrongSum();
    }
    log.accept("the resumed download has a wrong sum, so all of it is downloaded again");
    if (!complete()) {
      throw wrongSum();
    }
  }

  private FetchException wrongSum() {
    return new FetchException(
        Reason.WRONG_CONTENT, order.where() + " has another SHA-256 sum than " + order.sha256());
  }

  /** Whether all that came has the right sum, and is now the target. Else nothing is left of it. */
  private boolean complete() throws IOException, FetchException, InterruptedException {
    try (FileChannel file =
        FileChannel.open(
            order.partial(),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      MessageDigest digest = sha256();
      digestFile(order.partial(), digest);
      file.position(file.size());
      download(file, digest);
      String sum = sum(digest);
      if (!sum.equals(order.sha256())) {
        log.accept("received " + file.size() + " bytes with the SHA-256 sum " + sum);
        Files.delete(order.partial());
        return false;
      }
      file.force(true);
    }
    Files.move(order.partial(), order.to(), StandardCopyOption.ATOMIC_MOVE);
    try (FileChannel folder = FileChannel.open(order.to().getParent())) {
      folder.force(true);
    }
    return true;
  }

  private void download(FileChannel file, MessageDigest digest)
      throws IOException, FetchException, InterruptedException {
    int fruitless = 0;
    while (true) {
      long before = file.size();
      IOException failure = attempt(file, digest);
      if (failure == null) {
        return;
      }
      fruitless = file.size() > before ? 1 : fruitless + 1;
      if (fruitless >= order.attempts()) {
        throw new FetchException(
            Reason.UNREACHABLE,
            "%s: %s; gave up after %d attempts".formatted(order.where(), said(failure), fruitless),
            failure);
      }
      rest(failure, fruitless);
    }
  }

  /** Null when all of it came, else why not. */
  private @Nullable IOException attempt(FileChannel file, MessageDigest digest)
      throws IOException, FetchException {
    HttpSource.Part part;
    try {
      part = source.open(file.size());
    } catch (IOException unreachable) {
      return unreachable;
    }
    try {
      if (part.from() < file.size()) {
        log.accept("the server does not resume: from the beginning");
        file.truncate(0);
        digest.reset();
      }
      requireSpace(part, file.size());
      return copy(part, file, digest);
    } finally {
      close(part.body());
    }
  }

  private void requireSpace(HttpSource.Part part, long have) throws IOException, FetchException {
    long wanted = part.end() - have;
    long free = Files.getFileStore(order.partial()).getUsableSpace();
    if (part.end() >= 0 && wanted > free) {
      throw new FetchException(
          Reason.NO_SPACE,
          "%s needs %d more bytes, and the volume has %d".formatted(order.to(), wanted, free));
    }
  }

  /** Null when all of it came. Failures to write are thrown: another attempt mends none. */
  private @Nullable IOException copy(HttpSource.Part part, FileChannel file, MessageDigest digest)
      throws IOException {
    long reportAt = file.size();
    while (true) {
      int read;
      try {
        read = part.body().read(chunk);
      } catch (IOException broken) {
        return broken;
      }
      if (read < 0) {
        return part.end() < 0 || file.size() >= part.end()
            ? null
            : new IOException("broke off at byte " + file.size() + " of " + part.end());
      }
      digest.update(chunk, 0, read);
      ByteBuffer bytes = ByteBuffer.wrap(chunk, 0, read);
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
      if (part.end() > 0 && file.size() >= reportAt) {
        log.accept("%d of %d MiB".formatted(file.size() >> 20, part.end() >> 20));
        reportAt = file.size() + part.end() / REPORTS;
      }
    }
  }

  /** What a connection says when it is given up changes nothing. */
  private static void close(InputStream body) {
    try {
      body.close();
    } catch (IOException given) {
      return;
    }
  }

  /** As long as the server asks for, or 1, 2, 4 and more seconds. */
  private void rest(IOException failure, int fruitless) throws InterruptedException {
    Duration wait = Duration.ofSeconds(1L << Math.min(fruitless - 1, 20));
    if (wait.compareTo(LONGEST_PAUSE) > 0) {
      wait = LONGEST_PAUSE;
    }
    if (failure instanceof HttpSource.BusyException busy && busy.waiting() != null) {
      wait = busy.waiting();
    }
    log.accept("%s; again in %d s".formatted(said(failure), wait.toSeconds()));
    pause.of(wait);
  }

  private static String said(IOException failure) {
    return failure instanceof HttpSource.BusyException
        ? String.valueOf(failure.getMessage())
        : failure.toString();
  }

  private void digestFile(Path path, MessageDigest digest) throws IOException {
    try (InputStream in = Files.newInputStream(path)) {
      for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
        digest.update(chunk, 0, read);
      }
    }
  }

  private static String sum(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
