#include "gpu/card_rows.h"

namespace vramcast::gpu {
namespace {

// clang-format off
constexpr CardRow kWorkstation[] = {
    // Blackwell
    {"NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "",
     96, 97887, 94.97, 94.95, 95.60, {12, 0}, 188, 131072},
    {"NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition", "",
     96, 97887, 94.97, 94.95, 95.60, {12, 0}, 188, 131072},
    {"NVIDIA RTX PRO 5000 Blackwell", "", 48, 48935, 0, 0, 0, {12, 0}, 110, 98304},
    {"NVIDIA RTX PRO 5000 72GB Blackwell", "", 72, 73415, 0, 0, 0, {12, 0}, 110, 98304},
    {"NVIDIA RTX PRO 4500 Blackwell", "", 32, 32623, 0, 0, 0, {12, 0}, 82, 65536},
    {"NVIDIA RTX PRO 4000 Blackwell", "", 24, 24467, 0, 0, 0, {12, 0}, 70, 49152},
    {"NVIDIA RTX PRO 4000 Blackwell SFF Edition", "", 24, 24467, 0, 0, 0, {12, 0}, 70, 49152},
    {"NVIDIA RTX PRO 2000 Blackwell", "", 16, 16311, 0, 0, 0, {12, 0}, 34, 32768},
    {"NVIDIA GB10", "DGX Spark|GB10", 128, 0, 119.68, 119.60, 121.70, {12, 1}, 48, 24576},
    // Ada Lovelace
    {"NVIDIA RTX 6000 Ada Generation", "", 48, 49140, 47.37, 47.35, 47.54, {8, 9}, 142, 98304},
    {"NVIDIA RTX 5880 Ada Generation", "", 48, 49140, 0, 0, 0, {8, 9}, 110, 0},
    {"NVIDIA RTX 5000 Ada Generation", "", 32, 32760, 31.47, 31.45, 31.60, {8, 9}, 100, 65536},
    {"NVIDIA RTX 4500 Ada Generation", "", 24, 24570, 23.55, 23.52, 23.66, {8, 9}, 60, 49152},
    {"NVIDIA RTX 4000 Ada Generation", "", 20, 20475, 19.54, 19.52, 19.68, {8, 9}, 48, 49152},
    {"NVIDIA RTX 4000 SFF Ada Generation", "", 20, 20475, 19.54, 19.52, 19.68, {8, 9}, 48, 49152},
    {"NVIDIA RTX 2000 Ada Generation", "", 16, 16380, 15.59, 15.56, 15.71, {8, 9}, 22, 12288},
    // Ampere
    {"NVIDIA RTX A6000", "", 48, 49140, 47.40, 47.38, 47.54, {8, 6}, 84, 6144},
    {"NVIDIA RTX A5500", "", 24, 24564, 23.56, 23.54, 23.69, {8, 6}, 80, 6144},
    {"NVIDIA RTX A5000", "", 24, 24564, 23.56, 23.54, 23.69, {8, 6}, 64, 6144},
    {"NVIDIA RTX A4500", "", 20, 20470, 19.57, 19.55, 19.71, {8, 6}, 56, 6144},
    {"NVIDIA RTX A4000", "", 16, 16376, 15.60, 15.58, 15.74, {8, 6}, 48, 4096},
    {"NVIDIA RTX A2000 12GB", "", 12, 12282, 11.63, 11.61, 11.76, {8, 6}, 26, 3072},
    {"NVIDIA RTX A2000", "", 6, 6138, 5.66, 5.63, 5.80, {8, 6}, 26, 3072},
    {"NVIDIA RTX A1000", "", 8, 8188, 0, 0, 0, {8, 6}, 18, 0},
    {"NVIDIA RTX A400", "", 4, 4094, 0, 0, 0, {8, 6}, 6, 0},
    // Turing
    {"Quadro RTX 8000", "", 48, 49152, 47.45, 44.40, 47.46, {7, 5}, 72, 6144},
    {"Quadro RTX 6000", "", 24, 24576, 23.64, 22.00, 23.65, {7, 5}, 72, 6144},
    {"Quadro RTX 5000", "", 16, 16384, 15.74, 15.55, 15.75, {7, 5}, 48, 4096},
    {"Quadro RTX 4000", "", 8, 8192, 7.78, 7.60, 7.80, {7, 5}, 36, 4096},
    {"NVIDIA T1000 8GB", "", 8, 8192, 0, 0, 0, {7, 5}, 14, 1024},
    {"NVIDIA T1000", "", 4, 4096, 0, 0, 0, {7, 5}, 14, 1024},
    {"NVIDIA T600", "", 4, 4096, 0, 0, 0, {7, 5}, 10, 1024},
    {"NVIDIA T400 4GB", "", 4, 4096, 0, 0, 0, {7, 5}, 6, 1024},
    {"NVIDIA T400", "", 2, 2048, 0, 0, 0, {7, 5}, 6, 1024},
    // Volta, Pascal
    {"Quadro GV100", "", 32, 32768, 31.74, 31.73, 31.75, {7, 0}, 80, 6144},
    {"Quadro GP100", "", 16, 16384, 15.90, 15.89, 15.90, {6, 0}, 56, 4096},
    {"Quadro P6000", "", 24, 24576, 23.88, 22.38, 23.89, {6, 1}, 30, 3072},
    {"Quadro P5000", "", 16, 16384, 15.90, 15.89, 15.91, {6, 1}, 20, 2048},
    {"Quadro P4000", "", 8, 8192, 7.92, 7.92, 7.93, {6, 1}, 14, 2048},
    {"Quadro P2200", "", 5, 5120, 4.94, 4.93, 4.94, {6, 1}, 10, 1280},
    {"Quadro P2000", "", 5, 5120, 4.94, 4.93, 4.94, {6, 1}, 8, 1280},
    {"Quadro P1000", "", 4, 4096, 3.94, 3.93, 3.95, {6, 1}, 5, 1024},
    {"Quadro P620", "", 2, 2048, 1.95, 1.94, 1.96, {6, 1}, 4, 512},
};

// The driver of these boards reports one name for several modules: the memory tells them apart.
constexpr CardRow kJetson[] = {
    {"NVIDIA Thor", "Jetson AGX Thor|Jetson Thor", 128, 0, 122.80, 122.50, 123.00, {11, 0}, 20, 0},
    {"Orin", "Jetson AGX Orin|Jetson Orin|AGX Orin|Orin",
     64, 0, 61.35, 61.30, 61.40, {8, 7}, 16, 4096},
    {"Orin", "Jetson AGX Orin|Jetson Orin|AGX Orin|Orin",
     32, 0, 29.98, 29.80, 30.70, {8, 7}, 14, 4096},
    {"Orin", "Jetson Orin NX|Orin NX", 16, 0, 15.29, 15.20, 15.40, {8, 7}, 8, 0},
    {"Orin", "Jetson Orin NX|Orin NX", 8, 0, 7.44, 7.29, 7.45, {8, 7}, 8, 0},
    {"Orin", "Jetson Orin Nano|Orin Nano", 8, 0, 7.44, 7.29, 7.45, {8, 7}, 8, 0},
    {"Orin", "Jetson Orin Nano|Orin Nano", 4, 0, 3.50, 3.30, 3.65, {8, 7}, 4, 0},
    {"Xavier", "Jetson AGX Xavier|AGX Xavier", 32, 0, 31.18, 30.50, 31.40, {7, 2}, 8, 512},
    {"Xavier", "Jetson AGX Xavier|AGX Xavier", 64, 0, 62.50, 61.00, 62.80, {7, 2}, 8, 512},
    {"Xavier", "Jetson Xavier NX|Xavier NX", 8, 0, 7.59, 6.70, 7.70, {7, 2}, 6, 512},
    {"Xavier", "Jetson Xavier NX|Xavier NX", 16, 0, 15.20, 14.80, 15.50, {7, 2}, 6, 512},
    {"NVIDIA Tegra X2", "Jetson TX2|TX2", 8, 0, 7.67, 7.60, 7.70, {6, 2}, 2, 512},
    {"NVIDIA Tegra X1", "Jetson Nano|TX1", 4, 0, 3.87, 3.86, 3.88, {5, 3}, 1, 256},
};
// clang-format on

}  // namespace

std::span<const CardRow> WorkstationRows() { return kWorkstation; }
std::span<const CardRow> JetsonRows() { return kJetson; }

}  // namespace vramcast::gpu
