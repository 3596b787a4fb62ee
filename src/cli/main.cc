#include "cli/verb.h"

int main(int argc, char** argv) { return vramcast::cli::Main(argc, argv); }
