package dev.switchboard.executor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class CudaDevicesTest {
  @Test
  void aMachineWithoutDriverHasNoDevices() {
    CudaDevices cuda = CudaDevices.probe();

    assertTrue(cuda.driverVersion() > 0 || cuda.devices().isEmpty());
    for (int i = 0; i < cuda.devices().size(); i++) {
      assertEquals(i, cuda.devices().get(i).ordinal());
      assertTrue(cuda.devices().get(i).memoryBytes() > 0);
    }
  }
}
