// What the cases use of the generated code, which is in a module a file.
export { createHealthClient } from "./gen/grpc/health/v1/health_client";
export { createTestServiceClient, createUnimplementedServiceClient, type TestServiceClient } from "./gen/grpc/testing/test_client";
export { BadRequestSchema, ResourceInfoSchema } from "./gen/google/rpc/error_details_pb";
export { createAuthServiceClient, createUserServiceClient, type AuthServiceClient, type UserServiceClient } from "./gen/userservice/userservice_client";
export { UserSchema, User_Status } from "./gen/userservice/userservice_pb";
export { cancelling, type CallOptions, type Requests, type Responses } from "./gen/grpcx_runtime";

export { Closed, ModernSchema } from "./probe/edition_pb";
export { createKitchenClient } from "./probe/kitchen_client";
export { EverythingSchema, Spice, type Everything } from "./probe/kitchen_pb";
export { createFunctionClient, createoptionsClient, createrequestClient, createtransportClient } from "./probe/names_client";
export { Grade, OldSchema, Old_InnerSchema, note, tags } from "./probe/old_pb";
export { createProbeClient, type ProbeClient } from "./probe/probe_client";
export { DetailSchema, OrderSchema, type Order, type Result } from "./probe/probe_pb";
