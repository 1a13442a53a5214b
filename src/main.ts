console.error("sealer: no commands yet");
