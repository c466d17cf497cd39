package dev.switchboard.gateway.store;

import dev.switchboard.gateway.identity.Caller.Role;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a gateway must know of its store when the store is gone: that there were API keys, without
 * which anybody could call. Kept in small files outside of the store; a change is on disk, with the
 * folder's entry, before the method returns. It also keeps the gateway's own name.
 *
 * @param path where the files are; null keeps nothing
 * @param acceptNewStore whether an operator has said that a store without the former keys is right
 */
public record StateFolder(@Nullable Path path, boolean acceptNewStore) {
  /** For a gateway that is to leave nothing behind. */
  public static final StateFolder NONE = new StateFolder(null, false);

  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final String KEYS = "store-has-keys";
  private static final String NAME = "gateway-name";

  /** Where it is written that there are keys; null where nothing is kept. */
  @Nullable Path keysFile() {
    return path == null ? null : path.resolve(KEYS);
  }

  /**
   * The roles of which the store had keys. A file that cannot be understood stands for all of them.
   */
  Set<Role> roles() throws IOException {
    Set<Role> roles = EnumSet.noneOf(Role.class);
    List<String> lines = lines(KEYS);
    if (lines == null) {
      return roles;
    }
    try {
      lines.forEach(line -> roles.add(Role.of(line)));
    } catch (IllegalArgumentException e) {
      return EnumSet.allOf(Role.class);
    }
    return roles.isEmpty() ? EnumSet.allOf(Role.class) : roles;
  }

  /** Remembers of which roles there are keys; nothing is done when that is known. */
  void remember(Set<Role> roles) throws IOException {
    if (path == null || roles.equals(roles())) {
      return;
    }
    if (roles.isEmpty()) {
      Files.delete(path.resolve(KEYS));
      force(path);
    } else {
      write(KEYS, roles.stream().map(role -> role.label() + "\n").collect(Collectors.joining()));
    }
  }

  /** The name that this gateway got at an earlier start; null for none. */
  @Nullable String name() throws IOException {
    List<String> lines = lines(NAME);
    return lines != null && !lines.isEmpty() && lines.getFirst().matches("[0-9a-f-]{36}")
        ? lines.getFirst()
        : null;
  }

  /** Keeps a name that this gateway has at each of its starts with this folder from now on. */
  void name(String name) throws IOException {
    if (path != null) {
      write(NAME, name + "\n");
    }
  }

  private @Nullable List<String> lines(String file) throws IOException {
    try {
      return path == null ? null : Files.readAllLines(path.resolve(file));
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  /** Replaces a file: whoever reads it sees the former one or all of the new one. */
  private void write(String file, String text) throws IOException {
    Path folder = path == null ? Path.of("") : path;
    Files.createDirectories(folder);
    Path partial = folder.resolve(file + "." + UUID.randomUUID());
    try {
      try (FileChannel channel =
          FileChannel.open(
              partial,
              Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
              OWNER_ONLY)) {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
          int _ = channel.write(bytes);
        }
        channel.force(true);
      }
      Files.move(partial, folder.resolve(file), StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(partial);
    }
    force(folder);
  }

  /** Writes a folder's entries to the disk. */
  static void force(Path folder) throws IOException {
    try (FileChannel entries = FileChannel.open(folder, StandardOpenOption.READ)) {
      entries.force(true);
    }
  }
}
